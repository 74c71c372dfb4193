import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { type Command, Option } from 'commander';
import { globals } from '../connection.ts';
import { detectTemplate, TEMPLATES, type TemplateName } from '../templates/templates.ts';
import { printJson, say } from '../terminal/output.ts';

export function addInit(program: Command): void {
  program
    .command('init')
    .description('a workflow of four stages and a holdfast.yaml for the app in this directory')
    .addOption(
      new Option('--template <name>', 'what kind of app it is; guessed from its files').choices(
        Object.keys(TEMPLATES),
      ),
    )
    .option('--name <app>', "the app's name; the directory's without it")
    .option('--port <port>', 'where the router of production listens; staging gets the next', '8080')
    .option('--force', 'overwrite what is there')
    .action(
      (
        options: { template?: TemplateName; name?: string; port: string; force?: boolean },
        command: Command,
      ) => {
        const root = process.cwd();
        const name = appName(options.name ?? basename(resolve(root)));
        const template = options.template ?? detectTemplate(root);
        if (!template)
          throw new HoldfastError(
            'usageInvalid',
            `cannot guess what kind of app this is; say --template ${Object.keys(TEMPLATES).join('|')}`,
          );
        const port = Number(options.port);
        if (!Number.isInteger(port) || port < 1 || port > 65_534)
          throw new HoldfastError('usageInvalid', `expected --port from 1 to 65534, found ${options.port}`);
        const files = TEMPLATES[template]({ root, name, port });
        const kept = Object.keys(files).filter((file) => existsSync(join(root, file)) && !options.force);
        for (const [file, text] of Object.entries(files)) {
          if (kept.includes(file)) continue;
          mkdirSync(dirname(join(root, file)), { recursive: true });
          writeFileSync(join(root, file), text);
        }
        if (globals(command).json) return printJson({ template, files: Object.keys(files), kept });
        for (const file of Object.keys(files))
          say(`  ${kept.includes(file) ? 'kept   ' : 'written'}  ${file}`);
        say(
          `\nNext:\n  git add -A && git commit -m "Ship with Holdfast"\n  holdfast up --detach\n  holdfast repo add ${name} .\n  holdfast run ${name} --watch`,
        );
      },
    );
}

function appName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '');
  if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) return name;
  throw new HoldfastError(
    'usageInvalid',
    `expected --name of lower-case letters, digits and dashes, found ${JSON.stringify(text)}`,
  );
}
