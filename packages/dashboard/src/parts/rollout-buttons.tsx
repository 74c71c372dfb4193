import type { RolloutView } from '@holdfast/contract/api/resources.ts';
import { formatShare } from '@holdfast/core/kernel/quantity.ts';
import { client } from '../data/client.ts';
import { AskButton } from './ask-button.tsx';

/** What can be pressed in this state, and only that; each says what it will do. */
interface ButtonsProps {
  readonly rollout: RolloutView;
  readonly reload: () => void;
}

type Verb = 'advance' | 'pause' | 'resume' | 'abort' | 'retry';

function steer({ rollout, reload }: ButtonsProps, verb: Verb, full = false) {
  return () => client('steerRollout', { params: { id: rollout.id, verb }, body: { full } }).then(reload);
}

export function RolloutButtons(props: ButtonsProps) {
  const { rollout } = props;
  if (rollout.endedAt !== null) return <EndedButtons {...props} />;
  if (rollout.state === 'awaitingApproval') return <ApprovalButtons {...props} />;
  const movable = ['shifting', 'analysing', 'held'].includes(rollout.state);
  return (
    <div className="row">
      {rollout.state === 'paused' ? (
        <AskButton
          label="Resume"
          tone="primary"
          question="Go on where it was paused?"
          act={steer(props, 'resume')}
        />
      ) : (
        <AskButton
          label="Pause"
          question={`Stay at ${formatShare(rollout.weight)} until you resume it? Harm still ends it.`}
          disabled={!movable}
          act={steer(props, 'pause')}
        />
      )}
      <AskButton
        label={rollout.heldFor === 'gate' ? 'Open the gate' : 'Advance'}
        tone="primary"
        question={advanceQuestion(rollout)}
        disabled={!movable}
        act={steer(props, 'advance')}
      />
      {movable && rollout.weight < 10_000 && (
        <AskButton
          label="Advance to all"
          question={`Give release ${rollout.candidate.number} the whole traffic now, without the steps in between?`}
          act={steer(props, 'advance', true)}
        />
      )}
      {rollout.state === 'soaking' && rollout.stable ? (
        <RollBackButton {...props} />
      ) : (
        <AskButton
          label="Abort"
          tone="danger"
          question={`Take all traffic from release ${rollout.candidate.number} now? Stable serves on.`}
          act={steer(props, 'abort')}
        />
      )}
    </div>
  );
}

function advanceQuestion(rollout: RolloutView): string {
  const next = rollout.steps[rollout.step];
  if (rollout.heldFor === 'gate')
    return `Let release ${rollout.candidate.number} have ${formatShare(next?.weight ?? 10_000)} of the traffic now?`;
  if (rollout.heldFor === 'capacity')
    return `${rollout.reason ?? 'The replicas cannot carry it'}. Move the traffic although they cannot carry it?`;
  if (rollout.judgement?.verdict === 'worse')
    return `${rollout.judgement.sentence}. Go on although it does harm?`;
  return `Leave the step at ${formatShare(rollout.weight)} now, before it is judged?`;
}

function ApprovalButtons({ rollout, reload }: ButtonsProps) {
  const answer = (word: 'approve' | 'reject') => () =>
    client('answerRollout', { params: { id: rollout.id, answer: word } }).then(reload);
  return (
    <div className="row">
      <AskButton
        label="Approve"
        tone="primary"
        question={`Approve release ${rollout.candidate.number} for ${rollout.environment}, as ${rollout.approvals.digest?.slice(0, 12)}?`}
        act={answer('approve')}
      />
      <AskButton
        label="Reject"
        tone="danger"
        question={`End release ${rollout.candidate.number} before it starts?`}
        act={answer('reject')}
      />
    </div>
  );
}

function RollBackButton({ rollout, reload }: ButtonsProps) {
  const [app = '', environment = ''] = rollout.environment.split('/');
  return (
    <AskButton
      label="Roll back"
      tone="danger"
      question={`Move all traffic of ${rollout.environment} back to release ${rollout.stable?.number}? Automation holds still afterwards.`}
      act={() => client('rollBack', { params: { app, environment }, body: {} }).then(reload)}
    />
  );
}

function EndedButtons(props: ButtonsProps) {
  const { rollout } = props;
  if (rollout.state === 'done' && rollout.stable) return <RollBackButton {...props} />;
  if (rollout.state !== 'aborted' && rollout.state !== 'failed') return null;
  return (
    <AskButton
      label="Try again"
      question={`Roll the same release ${rollout.candidate.number} out once more, from its first step?`}
      act={steer(props, 'retry')}
    />
  );
}
