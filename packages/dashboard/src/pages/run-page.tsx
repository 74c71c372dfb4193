import type { JobView, RunView } from '@holdfast/contract/api/resources.ts';
import { useState } from 'react';
import { client } from '../data/client.ts';
import { useLive } from '../data/use-live.ts';
import { ago, lasted, refName, shortCommit } from '../data/words.ts';
import { AskButton } from '../parts/ask-button.tsx';
import { Badge } from '../parts/badge.tsx';
import { JobGraph } from '../parts/job-graph.tsx';
import { Link } from '../parts/link.tsx';
import { Loading, Problem } from '../parts/states-of-loading.tsx';
import { StepList } from '../parts/step-list.tsx';

export function RunPage({ id }: { readonly id: string }) {
  const {
    value: run,
    error,
    reload,
  } = useLive(
    () => client('showRun', { params: { id } }),
    (event) => event.subject === id,
    id,
  );
  const [chosen, setChosen] = useState<string | null>(null);
  if (error) return <Problem error={error} />;
  if (!run) return <Loading />;
  const job = run.jobs.find((candidate) => candidate.id === chosen) ?? mostInteresting(run);
  return (
    <section>
      <p className="crumbs">
        <Link to="/runs">Runs</Link> / #{run.number}
      </p>
      <div className="title">
        <h1>{run.message || run.name}</h1>
        <Badge state={run.state} />
        <span className="spacer" />
        {run.endedAt === null ? (
          <AskButton
            label="Cancel"
            tone="danger"
            question={`Cancel run #${run.number}? Its running steps are stopped.`}
            act={() => client('cancelRun', { params: { id } }).then(reload)}
          />
        ) : (
          <AskButton
            label="Run again"
            question={`Run #${run.number} again with the same commit and definition?`}
            act={() => client('rerunRun', { params: { id } }).then(reload)}
          />
        )}
      </div>
      <p className="muted">
        {run.repository} · {run.name} · {refName(run.ref)} · {shortCommit(run.commit)} · {run.event} ·{' '}
        {ago(run.createdAt)} · took {lasted(run.startedAt, run.endedAt)}
      </p>
      {run.reason && <p className="problem">{run.reason}</p>}
      <JobGraph jobs={run.jobs} chosen={job?.id ?? null} choose={setChosen} />
      {job && <JobDetail run={run} job={job} reload={reload} />}
    </section>
  );
}

/** What a person wants to see first: what failed, else what runs, else the last. */
function mostInteresting(run: RunView): JobView | undefined {
  return (
    run.jobs.find((job) => job.asks !== null) ??
    run.jobs.find((job) => job.state === 'failed') ??
    run.jobs.find((job) => job.state === 'running') ??
    run.jobs.at(-1)
  );
}

function JobDetail({
  run,
  job,
  reload,
}: {
  readonly run: RunView;
  readonly job: JobView;
  readonly reload: () => void;
}) {
  return (
    <section className="panel" key={job.id}>
      <div className="title small">
        <h2>{job.name}</h2>
        <Badge state={job.state} />
        <span className="muted">
          {job.agent ? `on ${job.agent} · ` : ''}
          {lasted(job.startedAt, job.endedAt)}
        </span>
      </div>
      {job.reason && <p className="problem">{job.reason}</p>}
      {job.endedAt === null && job.state === 'running' && <p className="muted">{resumeSentence(job)}</p>}
      {job.asks !== null && (
        <div className="asks">
          <p className="problem">This job asks: {job.asks}. May it run again?</p>
          <AskButton
            label="Run it again"
            question="The step may have done its work already. Run it again on another machine?"
            act={() => client('answerJob', { params: { id: job.id, answer: 'approve' } }).then(reload)}
          />
          <AskButton
            label="Let it fail"
            tone="danger"
            question="End this job as failed?"
            act={() => client('answerJob', { params: { id: job.id, answer: 'reject' } }).then(reload)}
          />
        </div>
      )}
      <StepList runId={run.id} job={job} />
    </section>
  );
}

function resumeSentence(job: JobView): string {
  if (!job.resume.portable)
    return `If its agent were lost it would start again from its first step: ${job.resume.why}.`;
  return `If its agent were lost it would go on at step ${job.resume.step + 1} on another one.`;
}
