import { canonicalJson, type JsonObject } from '../kernel/json.ts';

/**
 * What is said about an artifact: an in-toto Statement v1 with an SLSA Provenance v1 predicate,
 * carried in a DSSE envelope (in-toto attestation spec v1, SLSA v1.0, DSSE v1.0).
 */
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

export interface Provenance {
  readonly artifact: { readonly name: string; readonly sha256: string };
  readonly repository: string;
  readonly ref: string;
  readonly commit: string;
  readonly workflow: string;
  readonly runId: string;
  readonly jobId: string;
  readonly builder: string;
  /** RFC 3339. */
  readonly finishedOn: string;
}

export interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

export function statementOf(provenance: Provenance): string {
  const { artifact, repository, ref, commit, workflow, runId, jobId, builder, finishedOn } = provenance;
  const statement: JsonObject = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: artifact.name, digest: { sha256: artifact.sha256 } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'https://holdfast.dev/workflow/v1',
        externalParameters: { workflow: { repository, ref, path: workflow } },
        internalParameters: { runId, jobId },
        resolvedDependencies: [{ uri: `git+${repository}@${ref}`, digest: { gitCommit: commit } }],
      },
      runDetails: { builder: { id: builder }, metadata: { invocationId: runId, finishedOn } },
    },
  };
  return canonicalJson(statement);
}

/** Pre-authentication encoding: `DSSEv1 len(type) type len(body) body`, lengths in bytes. */
export function preAuthenticationEncoding(
  payloadType: string,
  body: { readonly text: string; readonly bytes: number },
): string {
  return `DSSEv1 ${payloadType.length} ${payloadType} ${body.bytes} ${body.text}`;
}

/** The digest a statement speaks of, or null when it is not such a statement. */
export function subjectDigestOf(statement: JsonObject): string | null {
  const subject = statement.subject;
  if (!Array.isArray(subject) || subject.length !== 1) return null;
  const digest = (subject[0] as JsonObject).digest as JsonObject | undefined;
  return typeof digest?.sha256 === 'string' ? digest.sha256 : null;
}
