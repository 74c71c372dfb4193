/**
 * Every operational error of Holdfast: a closed union of codes, each of one of six kinds. The kind
 * decides the HTTP status and the exit code, once, here. `docs/reference/errors.md` is generated
 * from this table.
 */
export const KINDS = {
  invalid: { status: 400, exit: 2 },
  unauthorised: { status: 401, exit: 3 },
  refused: { status: 403, exit: 3 },
  notFound: { status: 404, exit: 2 },
  conflict: { status: 409, exit: 3 },
  unavailable: { status: 503, exit: 4 },
  internal: { status: 500, exit: 1 },
} as const;
export type ErrorKind = keyof typeof KINDS;

const define = (kind: ErrorKind, meaning: string, remedy: string) => ({ kind, meaning, remedy });

export const ERRORS = {
  requestInvalid: define(
    'invalid',
    'A request does not have the documented shape.',
    'Compare it with /api/v1/openapi.json.',
  ),
  configInvalid: define(
    'invalid',
    'holdfast.yaml has an unknown key, a wrong unit or an impossible value.',
    'Go to the named line; docs/reference/config.md lists every key.',
  ),
  migrationInvalid: define(
    'invalid',
    'A schema change cannot be read: SQL with an error, an unknown key of migration.yaml, or files that no tool names so.',
    'Go to the named line; docs/guides/rename-a-column.md shows the files.',
  ),
  workflowInvalid: define(
    'invalid',
    'A workflow file is broken or uses something unknown.',
    'Go to the named line and column.',
  ),
  workflowUnsupported: define(
    'invalid',
    'A workflow file uses a feature that this version does not run.',
    'Remove it or replace it as the message says; nothing is ignored silently.',
  ),
  commitUnknown: define(
    'invalid',
    'A commit is not in the repository any more.',
    'It was force-pushed away or its branch deleted; push it again.',
  ),
  usageInvalid: define('invalid', 'A command was called with wrong words.', 'Run it with --help.'),
  limitExceeded: define(
    'invalid',
    'Something is larger than its limit.',
    'docs/protocol.md lists limits and their settings under Limits.',
  ),
  tokenInvalid: define(
    'unauthorised',
    'The bearer token is missing, unknown or revoked.',
    'Run holdfast login, or make a token with holdfast token create.',
  ),
  signatureInvalid: define(
    'unauthorised',
    'A webhook does not carry a signature made with its secret.',
    'Set the same secret on both sides: holdfast repo add prints it.',
  ),
  scopeMissing: define(
    'refused',
    'The token is valid but lacks the scope this needs.',
    'Ask for a token with the scope that the message names.',
  ),
  holdActive: define(
    'refused',
    'Automation holds still after a rollback.',
    'Deploy by hand with holdfast deploy, which lifts the hold.',
  ),
  artifactTampered: define(
    'refused',
    'The bytes of an artifact do not match its digest or its signature.',
    'Publish it again; do not deploy it.',
  ),
  rolloutRefused: define(
    'refused',
    'The rollout is in a state in which this cannot be done.',
    'holdfast rollout show says what it waits for.',
  ),
  runRefused: define(
    'refused',
    'The run or its job is in a state in which this cannot be done.',
    'holdfast run show and holdfast why say what state it is in.',
  ),
  approverUnfit: define(
    'refused',
    'Approvals of this environment are given by others.',
    'Ask one of those that the message names.',
  ),
  schemaMismatch: define(
    'refused',
    'A release cannot serve on the schema as it is, or a schema change does not fit what was done already.',
    'Read the sentence; holdfast migrate status shows which change it is.',
  ),
  migrationRefused: define(
    'refused',
    'A schema change cannot do that in the state it is in.',
    'holdfast migrate status shows its state and why.',
  ),
  releaseNotRetained: define(
    'refused',
    'The release is no longer kept and cannot be returned to.',
    'holdfast releases lists those that can.',
  ),
  repositoryUnknown: define(
    'notFound',
    'No repository has this name.',
    'holdfast repo list shows them; holdfast repo add adds one.',
  ),
  runUnknown: define('notFound', 'No run has this id.', 'holdfast runs lists them.'),
  jobUnknown: define('notFound', 'The run has no such job.', 'holdfast run show ID lists its jobs.'),
  logExpired: define(
    'notFound',
    'The log is older than logs are kept.',
    'HOLDFAST_LOG_DAYS of the controllers says for how many days.',
  ),
  artifactUnknown: define(
    'notFound',
    'No artifact has this name and digest.',
    'holdfast artifact list shows them.',
  ),
  environmentUnknown: define(
    'notFound',
    'No environment has this name, or several apps have one.',
    'holdfast status lists them; name it APP/ENV.',
  ),
  migrationUnknown: define(
    'notFound',
    'The environment has no schema change of this version.',
    'holdfast migrate status lists them.',
  ),
  releaseUnknown: define(
    'notFound',
    'The environment has no such release.',
    'holdfast releases APP/ENV lists them.',
  ),
  rolloutUnknown: define(
    'notFound',
    'The environment has no rollout yet.',
    'Start one with holdfast deploy.',
  ),
  tokenUnknown: define('notFound', 'No token has this id.', 'holdfast token list shows them.'),
  agentUnknown: define('notFound', 'No agent has this id.', 'holdfast agents lists them.'),
  blobUnknown: define(
    'notFound',
    'The blob store has no such object.',
    'It may have been collected; publish it again.',
  ),
  routeUnknown: define('notFound', 'No such address.', 'See /api/v1/openapi.json.'),
  secretUnknown: define('notFound', 'A secret is named that is not set.', 'holdfast secret set NAME.'),
  dataDirectoryLocked: define(
    'conflict',
    'Another Holdfast uses this data directory.',
    'Stop it with holdfast down, or choose another --data.',
  ),
  portTaken: define(
    'conflict',
    'Another process listens on this port.',
    'Choose another --port, or stop that process.',
  ),
  nameTaken: define('conflict', 'The name is in use.', 'Choose another, or remove the old one first.'),
  idempotencyConflict: define(
    'conflict',
    'An Idempotency-Key was used again with another body.',
    'Use a new key for a new request.',
  ),
  fenceStale: define(
    'conflict',
    'Somebody else holds this lease now.',
    'Nothing to do: the late result is kept and not counted.',
  ),
  protocolUnsupported: define(
    'conflict',
    'The two sides speak versions too far apart.',
    'Upgrade the older side.',
  ),
  dataDirectoryUnwritable: define(
    'invalid',
    'The data directory cannot be written.',
    'Choose another --data or mend its permissions.',
  ),
  gitFailed: define(
    'unavailable',
    'git could not read the repository.',
    'Run the printed git command by hand on the controller.',
  ),
  databaseUnavailable: define(
    'unavailable',
    'The database does not answer.',
    'Work resumes by itself when it is back; holdfast doctor checks it.',
  ),
  blobStoreUnavailable: define(
    'unavailable',
    'The blob store does not answer, or refuses us.',
    'What is cached goes on; bring the store back, or mend its credentials. holdfast doctor checks it.',
  ),
  queueFull: define(
    'unavailable',
    'So many triggers of one repository wait that no more are taken.',
    'Ask again later; holdfast runs shows what runs, and holdfast doctor why it does not.',
  ),
  outcomeUnknown: define(
    'unavailable',
    'The database went away, or stopped waiting for its standby, while it was committing: nobody knows whether it happened.',
    'Ask again with the same id or Idempotency-Key; what happened is then found, and done otherwise.',
  ),
  diskFull: define(
    'unavailable',
    'The disk is full.',
    'Free space under the data directory; the step can be run again.',
  ),
  controllerUnreachable: define(
    'unavailable',
    'No controller answers.',
    'Start one with holdfast up, or set --controller.',
  ),
  timedOut: define(
    'unavailable',
    'It took longer than the given time.',
    'The work goes on; ask again with holdfast run show or rollout show.',
  ),
  databaseFailed: define('internal', 'PostgreSQL could not be started.', 'Read DATA/postgres/server.log.'),
  schemaUnfit: define(
    'internal',
    'The database was written by a version that this one cannot work beside.',
    'Run the version that the message names.',
  ),
  internal: define(
    'internal',
    'Something unexpected happened.',
    'The log has the details under the request id; please report it.',
  ),
} as const;
export type ErrorCode = keyof typeof ERRORS;

/** Where in a user's file something is wrong. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface ErrorDetail {
  readonly place?: Place;
  readonly cause?: unknown;
}

export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: ErrorCode;
  readonly place: Place | undefined;

  constructor(code: ErrorCode, sentence: string, detail: ErrorDetail = {}) {
    super(sentence, { cause: detail.cause });
    this.code = code;
    this.place = detail.place;
  }

  get kind(): ErrorKind {
    return ERRORS[this.code].kind;
  }

  /** `file:line:column: sentence` where there is a place. */
  get located(): string {
    const { place } = this;
    return place ? `${place.file}:${place.line}:${place.column}: ${this.message}` : this.message;
  }
}

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && text in ERRORS;
}

/** The code of a Node system error (`ENOSPC`, `EADDRINUSE`…), if it is one. */
/** An outage: nothing is wrong with what was asked, and it may be asked again. */
export function isUnavailable(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.kind === 'unavailable';
}

export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
