import { z } from 'zod';
import { problem } from './problem.ts';
import type { Route } from './route.ts';
import { routes } from './routes.ts';

/** OpenAPI 3.1 from the declarations in routes.ts. */
export function openApi(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [operationId, declared] of Object.entries(routes) as [string, Route][]) {
    const path = declared.path.replace(/:([A-Za-z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [declared.method.toLowerCase()]: operationOf(operationId, declared) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Holdfast', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schemaOf(problem, 'output') },
    },
  };
}

function operationOf(operationId: string, declared: Route): object {
  const body =
    declared.body instanceof z.ZodUndefined || isNothing(declared.body)
      ? undefined
      : schemaOf(declared.body, 'input');
  const parameters = [...parametersOf(declared.params, 'path'), ...parametersOf(declared.query, 'query')];
  if (declared.method !== 'GET') {
    parameters.push({
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      schema: { type: 'string', maxLength: 200 },
    });
  }
  return {
    operationId,
    summary: declared.summary,
    description: `Needs a token with the scope \`${declared.scope}\`.`,
    parameters,
    ...(body
      ? { requestBody: { required: !declared.body.safeParse(undefined).success, content: json(body) } }
      : {}),
    responses: {
      200: { description: 'Done', content: json(schemaOf(declared.answer, 'output')) },
      default: {
        description: 'A problem',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

function isNothing(body: z.ZodType): boolean {
  return body instanceof z.ZodOptional && body.unwrap() instanceof z.ZodUndefined;
}

function parametersOf(shape: z.ZodObject, place: 'path' | 'query'): object[] {
  const schema = schemaOf(shape, 'input') as { properties?: Record<string, object>; required?: string[] };
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || (schema.required ?? []).includes(name),
    schema: property,
  }));
}

function schemaOf(type: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io, unrepresentable: 'any' });
  return schema;
}

function json(schema: object): object {
  return { 'application/json': { schema } };
}
