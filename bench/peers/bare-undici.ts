import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Dispatcher, Pool } from 'undici';

/**
 * The least that passes a request on with the parts that Holdfast's router is made of, node:http and
 * undici's dispatch: what the router spends beyond this is its own.
 */
const [listen, upstream] = process.argv.slice(2).map(Number);
const pool = new Pool(`http://127.0.0.1:${upstream}`, { pipelining: 1 });

createServer((request, response) => {
  pool.dispatch(
    {
      method: request.method as Dispatcher.HttpMethod,
      path: request.url ?? '/',
      headers: passedOn(request),
      body: hasBody(request) ? request : null,
    },
    relay(response),
  );
}).listen(listen, '127.0.0.1');

function relay(response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart: () => {},
    onResponseStart: (controller, status) => {
      response.writeHead(
        status,
        (controller.rawHeaders as Buffer[]).map((part) => part.toString('latin1')),
      );
    },
    onResponseData: (controller, chunk) => {
      if (response.write(chunk)) return;
      controller.pause();
      response.once('drain', () => controller.resume());
    },
    onResponseEnd: () => void response.end(),
    onResponseError: () => void response.destroy(),
  };
}

function passedOn(request: IncomingMessage): string[] {
  const headers: string[] = [];
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index] as string;
    if (name.toLowerCase() !== 'connection') headers.push(name, request.rawHeaders[index + 1] as string);
  }
  return headers;
}

function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
  );
}
