import type { JobView, StepView } from '@holdfast/contract/api/resources.ts';
import { useState } from 'react';
import { lasted, toneOf } from '../data/words.ts';
import { StepLog } from './step-log.tsx';

export function StepList({ runId, job }: { readonly runId: string; readonly job: JobView }) {
  const [open, setOpen] = useState<number | null>(null);
  const shown = open ?? firstToShow(job.steps);
  return (
    <ol className="steps">
      {job.steps.map((step) => (
        <li key={step.index} className={toneOf(step.state)}>
          <button
            type="button"
            className="step"
            aria-expanded={shown === step.index}
            onClick={() => setOpen(shown === step.index ? -1 : step.index)}
          >
            <span className="dot" />
            <span className="step-name">{step.name}</span>
            <Attempts step={step} />
            <span className="muted">{took(step)}</span>
          </button>
          {step.annotations.map((note) => (
            <p key={`${note.place} ${note.message}`} className={`annotation ${note.level}`}>
              {note.place && <code>{note.place}</code>} {note.message}
            </p>
          ))}
          {shown === step.index && step.attempts.length > 0 && (
            <StepLog key={step.attempts.at(-1)?.id} runId={runId} jobId={job.id} step={step} />
          )}
        </li>
      ))}
    </ol>
  );
}

function firstToShow(steps: readonly StepView[]): number {
  return (
    (
      steps.find((step) => step.state === 'failed') ??
      steps.find((step) => step.state === 'running') ??
      steps.findLast((step) => step.attempts.length > 0)
    )?.index ?? -1
  );
}

function took(step: StepView): string {
  const last = step.attempts.at(-1);
  return last ? lasted(last.startedAt, last.endedAt) : '';
}

/** Honest about repetition: which attempts there were, and what each was for or came to. */
function Attempts({ step }: { readonly step: StepView }) {
  const last = step.attempts.at(-1);
  return (
    <>
      {step.attempts.length > 1 && (
        <span
          className="badge warn"
          title={step.attempts
            .map(
              (attempt) =>
                `${attempt.number}: ${attempt.state} on ${attempt.agent ?? '?'}${attempt.reason ? `, ${attempt.reason}` : ''}`,
            )
            .join('\n')}
        >
          ran {step.attempts.length} times
        </span>
      )}
      {last?.reason && last.state !== 'succeeded' && <span className="reason">{last.reason}</span>}
    </>
  );
}
