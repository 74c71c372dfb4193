import { createHash } from 'node:crypto';
import { HoldfastError } from '@holdfast/contract/errors.ts';
import { newId } from '@holdfast/contract/id.ts';
import { canonicalJson, type Json, type JsonObject } from '@holdfast/core/kernel/json.ts';
import type { Run, WorkflowDefinition } from '@holdfast/core/pipeline/pipeline.ts';
import { listVariables } from '@holdfast/postgres/access/secret-store.ts';
import { renewBlob } from '@holdfast/postgres/blob/blob-index.ts';
import type { Queryable } from '@holdfast/postgres/database.ts';
import { appendEvent } from '@holdfast/postgres/events/event-store.ts';
import { type RepositoryRow, takeRunNumber } from '@holdfast/postgres/run/repository-store.ts';
import { insertRun } from '@holdfast/postgres/run/run-store.ts';
import { type ParsedWorkflow, parseWorkflow } from '@holdfast/workflow/parse-workflow.ts';
import { wantsAllSecrets } from '@holdfast/workflow/secret-names.ts';
import { readSchemaFiles } from '../migrations/read-schema-files.ts';
import type { Services } from '../services.ts';
import { changeRun } from './change-run.ts';

/** A commit of a repository, with what a run freezes of it. */
export interface CommitView {
  readonly repository: RepositoryRow;
  readonly mirror: string;
  readonly ref: string;
  readonly commit: string;
  readonly message: string;
  readonly actor: string;
}

export interface PreparedRun {
  readonly id: string;
  into(sql: Queryable): Promise<void>;
}

export const WORKFLOW_FOLDERS = ['.holdfast/workflows', '.github/workflows'];

export async function viewCommit(
  services: Services,
  repository: RepositoryRow,
  at: { readonly ref: string; readonly commit: string },
): Promise<CommitView> {
  const mirror = await services.mirrors.holding(repository, at.commit);
  const [newest] = await services.mirrors.log(mirror, null, at.commit, 1);
  if (!newest) throw new HoldfastError('commitUnknown', `commit ${at.commit} is not in the repository`);
  return {
    repository,
    mirror,
    ref: at.ref,
    commit: at.commit,
    message: newest.subject,
    actor: newest.author,
  };
}

/** The workflow files of a commit: of the first folder that has any. */
export async function workflowPaths(services: Services, view: CommitView): Promise<readonly string[]> {
  for (const folder of WORKFLOW_FOLDERS) {
    const files = await services.mirrors.listFolder(view.mirror, view.commit, folder);
    const workflows = files.filter((file) => /\.ya?ml$/.test(file));
    if (workflows.length > 0) return workflows;
  }
  return [];
}

export async function readWorkflow(
  services: Services,
  view: CommitView,
  path: string,
): Promise<ParsedWorkflow> {
  const text = await services.mirrors.readFile(view.mirror, view.commit, path);
  if (text === null) throw new HoldfastError('workflowInvalid', `${path} is not in commit ${view.commit}`);
  const actions = await services.mirrors.readActions(view.mirror, view.commit);
  const parsed = parseWorkflow({ path, text, readFile: (name) => actions.get(name) ?? null });
  if (wantsAllSecrets(parsed.definition)) {
    throw new HoldfastError(
      'workflowUnsupported',
      'all secrets at once (toJSON(secrets), secrets[…]) are not supported by this version; name each one',
      { place: { file: path, line: 1, column: 1 } },
    );
  }
  return parsed;
}

export interface RunEventView {
  readonly name: string;
  readonly payload: JsonObject;
  readonly inputs: JsonObject;
}

export async function prepareRun(
  services: Services,
  view: CommitView,
  what: { readonly parsed: ParsedWorkflow; readonly event: RunEventView },
): Promise<PreparedRun> {
  const { blobs, mirrors, database } = services;
  const { definition, fetchDepth } = what.parsed;
  const source = await mirrors.capture(view.mirror, { commit: view.commit, depth: fetchDepth }, blobs);
  const config = await mirrors.readFile(view.mirror, view.commit, 'holdfast.yaml');
  const schemaFiles = await readSchemaFiles(mirrors, { mirror: view.mirror, commit: view.commit, config });
  const vars = Object.fromEntries(
    (await listVariables(database, view.repository.name)).map((row) => [row.name, row.value]),
  );
  const id = newId();
  return {
    id,
    into: async (sql) => {
      await renewBlob(sql, source.digest, source.bytes);
      const number = await takeRunNumber(sql, view.repository.id);
      const run = newRun({
        id,
        definition,
        github: githubContext(view, { id, number, definition, event: what.event }),
        inputs: what.event.inputs,
        vars,
      });
      await insertRun(sql, {
        run,
        repositoryId: view.repository.id,
        number,
        name: definition.name,
        event: what.event.name,
        ref: view.ref,
        commit: view.commit,
        message: view.message,
        definitionHash: hashOf(definition),
        source: source.digest,
        config,
        schemaFiles,
      });
      await appendEvent(sql, {
        topic: 'run',
        subject: id,
        kind: 'created',
        data: { repository: view.repository.name, number, name: definition.name },
      });
      await changeRun(services, services.pipeline.within(sql), { runId: id, event: { kind: 'advance' } });
    },
  };
}

/** A workflow file that cannot be read is a failed run that says where: the push is not lost in silence. */
export function prepareBrokenRun(view: CommitView, path: string, error: HoldfastError): PreparedRun {
  const id = newId();
  const definition: WorkflowDefinition = { name: path, path, env: null, jobs: [] };
  return {
    id,
    into: async (sql) => {
      const number = await takeRunNumber(sql, view.repository.id);
      const run: Run = {
        ...newRun({ id, definition, github: {}, inputs: {}, vars: {} }),
        state: 'failed',
        reason: error.located,
      };
      await insertRun(sql, {
        run,
        repositoryId: view.repository.id,
        number,
        name: path,
        event: 'push',
        ref: view.ref,
        commit: view.commit,
        message: view.message,
        definitionHash: hashOf(definition),
        source: '',
        config: null,
        schemaFiles: null,
      });
      await sql.query(
        'UPDATE run SET reason = $2, started_at = created_at, ended_at = clock_timestamp() WHERE id = $1',
        [id, error.located],
      );
      await appendEvent(sql, {
        topic: 'run',
        subject: id,
        kind: 'failed',
        data: { repository: view.repository.name, number, reason: error.located },
      });
    },
  };
}

function newRun(made: {
  readonly id: string;
  readonly definition: WorkflowDefinition;
  readonly github: JsonObject;
  readonly inputs: JsonObject;
  readonly vars: JsonObject;
}): Run {
  const { id, definition, github, inputs, vars } = made;
  return {
    id,
    state: 'queued',
    definition,
    contexts: { github, inputs, vars },
    jobs: [],
    cancelRequested: false,
    reason: null,
  };
}

function hashOf(definition: WorkflowDefinition): string {
  return `sha256:${createHash('sha256')
    .update(canonicalJson(definition as unknown as Json))
    .digest('hex')}`;
}

function githubContext(
  view: CommitView,
  run: {
    readonly id: string;
    readonly number: number;
    readonly definition: WorkflowDefinition;
    readonly event: RunEventView;
  },
): JsonObject {
  const tag = /^refs\/tags\/(.+)$/.exec(view.ref)?.[1];
  return {
    repository: view.repository.name,
    repositoryUrl: view.repository.url,
    sha: view.commit,
    ref: view.ref,
    ref_name: tag ?? view.ref.replace(/^refs\/heads\//, ''),
    ref_type: tag ? 'tag' : 'branch',
    event_name: run.event.name,
    event: run.event.payload,
    run_id: run.id,
    run_number: String(run.number),
    run_attempt: '1',
    workflow: run.definition.name,
    actor: view.actor,
    triggering_actor: view.actor,
    server_url: '',
    api_url: '',
  };
}
