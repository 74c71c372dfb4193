import type { EnvironmentView } from '@holdfast/contract/api/resources.ts';
import { client } from '../data/client.ts';
import { useLive } from '../data/use-live.ts';
import { ago, shortArtifact, shortCommit } from '../data/words.ts';
import { AskButton } from './ask-button.tsx';

/** Which releases there were and which can be returned to, with the time that takes. */
export function Releases({
  environment,
  reload,
}: {
  readonly environment: EnvironmentView;
  readonly reload: () => void;
}) {
  const { value } = useLive(
    () => client('listReleases', { params: environment, query: { limit: 10 } }),
    (event) => event.topic === 'rollout',
    environment.id,
  );
  if (!value) return null;
  return (
    <details className="releases">
      <summary>Releases</summary>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th>Release</th>
              <th>Artifact</th>
              <th>Commit</th>
              <th>Served</th>
              <th>Back in</th>
              <th />
            </tr>
          </thead>
          <tbody>
            {value.items.map((release) => (
              <tr key={release.id}>
                <td>{release.number}</td>
                <td>
                  <code>{shortArtifact(release.artifact)}</code>
                </td>
                <td>
                  <code>{shortCommit(release.commit)}</code>
                </td>
                <td>{ago(release.servedAt)}</td>
                <td>
                  {release.returnable === 'serving'
                    ? 'serving'
                    : release.secondsToServe === null
                      ? '–'
                      : `${release.secondsToServe} s (${release.returnable})`}
                </td>
                <td>
                  {(release.returnable === 'hot' || release.returnable === 'cold') && (
                    <AskButton
                      label="Return to it"
                      question={`Move all traffic of ${environment.name} to release ${release.number}? No build, no analysis; readiness still counts.`}
                      act={() =>
                        client('rollBack', { params: environment, body: { to: release.number } }).then(reload)
                      }
                    />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
