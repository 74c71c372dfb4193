/**
 * Workflow commands in a step's output (GitHub's `::name key=value::text`), read a line at a time.
 * A line that is a command is not shown, except the group markers.
 */
export type Command =
  | { readonly kind: 'mask'; readonly value: string }
  | {
      readonly kind: 'annotation';
      readonly level: 'error' | 'warning' | 'notice';
      readonly message: string;
      readonly place: string | null;
    }
  | { readonly kind: 'setOutput'; readonly name: string; readonly value: string }
  | { readonly kind: 'debug' }
  | { readonly kind: 'stop'; readonly token: string }
  | { readonly kind: 'resume'; readonly token: string };

export function parseCommand(line: string): Command | null {
  const match = /^::([A-Za-z-]+)(?: ([^:]*(?::(?!:)[^:]*)*))?::(.*)$/.exec(line.trimEnd());
  if (!match) return null;
  const [, name = '', properties = '', text = ''] = match;
  const values = parseProperties(properties);
  const data = unescapeData(text);
  switch (name.toLowerCase()) {
    case 'add-mask':
      return { kind: 'mask', value: data };
    case 'set-output':
      return { kind: 'setOutput', name: values.name ?? '', value: data };
    case 'error':
    case 'warning':
    case 'notice':
      return {
        kind: 'annotation',
        level: name.toLowerCase() as 'error',
        message: data,
        place: placeOf(values),
      };
    case 'debug':
      return { kind: 'debug' };
    case 'stop-commands':
      return { kind: 'stop', token: data };
    default:
      return properties === '' && text === '' ? { kind: 'resume', token: name } : null;
  }
}

function placeOf(values: Record<string, string>): string | null {
  if (!values.file) return null;
  return [values.file, values.line, values.col].filter((part) => part !== undefined).join(':');
}

function parseProperties(text: string): Record<string, string> {
  const pairs = text.split(',').flatMap((pair): [string, string][] => {
    const at = pair.indexOf('=');
    return at < 1
      ? []
      : [
          [
            pair.slice(0, at).trim(),
            unescapeData(pair.slice(at + 1))
              .replaceAll('%3A', ':')
              .replaceAll('%2C', ','),
          ],
        ];
  });
  return Object.fromEntries(pairs);
}

function unescapeData(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
}
