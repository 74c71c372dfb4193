import { HoldfastError } from '../errors.ts';
import { type AppConfig, type EnvironmentConfig, severalApps, singleApp } from './holdfast-yaml.ts';
import { type ReadYaml, readYaml, validateYaml } from './read-yaml.ts';

type Tree = { [key: string]: unknown };

/** Reads holdfast.yaml. Throws `configInvalid` with file, line and column. */
export function readConfig(file: string, text: string): readonly AppConfig[] {
  const read = readYaml(file, text);
  if (!isTree(read.value)) {
    throw new HoldfastError('configInvalid', 'expected a mapping with version, app and environments', {
      place: read.place([]),
    });
  }
  const mirrored = { ...read, value: withMirrors(read) };
  const several = 'apps' in read.value;
  const apps = several ? validateYaml(mirrored, severalApps).apps : [validateYaml(mirrored, singleApp)];
  for (const [at, app] of apps.entries()) checkDatabases(read, app, several ? ['apps', at] : []);
  return apps.map(({ app, environments }) => ({ app, environments }));
}

/** Staging that mirrors production must not change production's database. */
function checkDatabases(read: ReadYaml, { environments }: AppConfig, path: readonly PropertyKey[]): void {
  const owners = new Map<string, string>();
  for (const [name, { migrations }] of Object.entries(environments)) {
    if (!migrations) continue;
    const owner = owners.get(migrations.database);
    if (owner !== undefined)
      throw new HoldfastError(
        'configInvalid',
        `${name} changes the same database as ${owner} (${migrations.database}); give it a secret of its own under migrations.database`,
        { place: read.place([...path, 'environments', name, 'migrations', 'database']) },
      );
    owners.set(migrations.database, name);
  }
}

/** `APP/ENV`, or `ENV` where only one app has it. */
export function findEnvironment(
  apps: readonly AppConfig[],
  name: string,
): { readonly app: string; readonly environment: string; readonly config: EnvironmentConfig } {
  const [first, second] = name.split('/');
  const found = apps.flatMap((entry) => {
    if (second !== undefined && entry.app !== first) return [];
    const environment = second ?? first ?? '';
    const config = entry.environments[environment];
    return config ? [{ app: entry.app, environment, config }] : [];
  });
  const only = found[0];
  if (only && found.length === 1) return only;
  const known = apps.flatMap((entry) => Object.keys(entry.environments).map((key) => `${entry.app}/${key}`));
  throw new HoldfastError(
    'environmentUnknown',
    `environment ${name} is ${found.length > 1 ? 'in several apps' : 'not in holdfast.yaml'}, expected one of ${known.join(', ')}`,
  );
}

function withMirrors(read: ReadYaml): unknown {
  const root = read.value as Tree;
  if (Array.isArray(root.apps)) {
    return { ...root, apps: root.apps.map((app, index) => mirrorApp(app, read, ['apps', index])) };
  }
  return mirrorApp(root, read, []);
}

/** `mirrors: production` means: the same unless said otherwise. */
function mirrorApp(app: unknown, read: ReadYaml, path: readonly PropertyKey[]): unknown {
  if (!isTree(app) || !isTree(app.environments)) return app;
  const all = app.environments;
  const environments = Object.fromEntries(
    Object.entries(all).map(([name, own]) => {
      if (!isTree(own) || own.mirrors === undefined) return [name, own];
      const { mirrors, ...rest } = own;
      const base = typeof mirrors === 'string' ? all[mirrors] : undefined;
      if (!isTree(base) || 'mirrors' in base) {
        throw new HoldfastError(
          'configInvalid',
          `mirrors: expected the name of another environment that mirrors none, found ${JSON.stringify(mirrors)}`,
          {
            place: read.place([...path, 'environments', name, 'mirrors']),
          },
        );
      }
      return [name, merge(base, rest)];
    }),
  );
  return { ...app, environments };
}

/** Another kind of a thing has other keys: it replaces, it does not mix. */
function merge(base: Tree, over: Tree): Tree {
  if (over.kind !== undefined && over.kind !== base.kind) return over;
  const merged: Tree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isTree(below) && isTree(value) ? merge(below, value) : value;
  }
  return merged;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
