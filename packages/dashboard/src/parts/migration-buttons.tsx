import type { MigrationView } from '@holdfast/contract/api/resources.ts';
import { client } from '../data/client.ts';
import { AskButton } from './ask-button.tsx';

/** What can be pressed in this state, and only that. */
interface ButtonsProps {
  readonly migration: MigrationView;
  readonly reload: () => void;
}

type Verb = 'expand' | 'pause' | 'resume' | 'contract' | 'abort';

export function MigrationButtons({ migration, reload }: ButtonsProps) {
  const { state, version, users } = migration;
  const [app = '', environment = ''] = migration.environment.split('/');
  const steer = (verb: Verb) => () =>
    client('steerMigration', { params: { app, environment, version, verb } }).then(reload);
  const works =
    ['expanding', 'backfilling', 'verifying', 'contracting'].includes(state) ||
    migration.pausedBy === 'signal';
  const abortable =
    migration.pointOfNoReturn === 'ahead' && users.needing.length === 0 && state !== 'aborted';
  return (
    <div className="row">
      {state === 'planned' && (
        <AskButton
          label="Expand now"
          question="Add the new shape and fill it now, before a release needs it?"
          act={steer('expand')}
        />
      )}
      {works && (
        <AskButton
          label="Pause"
          question="Stop after this batch, until somebody resumes it?"
          act={steer('pause')}
        />
      )}
      {state === 'paused' && migration.pausedBy !== 'signal' && (
        <AskButton label="Resume" tone="primary" question="Go on where it stopped?" act={steer('resume')} />
      )}
      {state === 'ready' && (
        <AskButton
          label="Contract"
          tone="danger"
          question={`Take the old shape away${users.keepingOld.length > 0 ? `, as soon as release ${users.keepingOld.join(', ')} no longer needs it` : ''}? There is no way back from that.`}
          act={steer('contract')}
        />
      )}
      {abortable && (
        <AskButton
          label="Abort"
          tone="danger"
          question="Take the new shape away? No release needs it."
          act={steer('abort')}
        />
      )}
    </div>
  );
}
