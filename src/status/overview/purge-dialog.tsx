import type { ProjectReport } from '../report.ts';
import { ACROSS, type Names, projectText } from './project-name.tsx';

interface PurgeDialogProps {
  readonly operations: readonly string[];
  readonly projects: readonly ProjectReport[];
  readonly names: Names;
}

/** Asks what to purge and how. The script preselects the project of the button that opened it. Dropping lists takes a second confirmation. */
export function PurgeDialog({ operations, projects, names }: PurgeDialogProps) {
  return (
    <>
      <dialog id="purge" aria-labelledby="purge-title">
        <form method="dialog" id="purge-form">
          <h2 id="purge-title">Purge lists</h2>
          <Scope operations={operations} projects={projects} names={names} />
          <How />
          <p id="purge-says" class="hint" aria-live="polite" />
          <div class="buttons">
            <button type="submit" value="cancel" formnovalidate>
              Cancel
            </button>
            <button type="submit" value="purge" class="primary">
              Purge
            </button>
          </div>
        </form>
      </dialog>
      <Confirmation />
    </>
  );
}

function Scope({ operations, projects, names }: PurgeDialogProps) {
  return (
    <>
      <label>
        Project or organization
        <select name="project">
          <option value="">all</option>
          {projects
            .filter(({ id }) => id !== ACROSS)
            .map(({ id }) => (
              <option value={id}>{projectText(id, names)}</option>
            ))}
        </select>
      </label>
      <label>
        Lists
        <select name="operation">
          <option value="">all</option>
          {operations.map((id) => (
            <option value={id}>{id}</option>
          ))}
        </select>
      </label>
    </>
  );
}

function How() {
  return (
    <fieldset>
      <legend>How</legend>
      <label class="check">
        <input type="radio" name="how" value="soft" checked />
        <span>Mark as stale: reload at the next use, serve the cached lists if Atlas fails</span>
      </label>
      <label class="check">
        <input type="radio" name="how" value="hard" />
        <span>Drop: requests wait for Atlas, and fail if Atlas fails</span>
      </label>
    </fieldset>
  );
}

/** The second confirmation, for purges that drop lists. */
function Confirmation() {
  return (
    <dialog id="purge-hard" aria-labelledby="purge-hard-title">
      <form method="dialog">
        <h2 id="purge-hard-title">Drop the cached lists?</h2>
        <p id="purge-hard-says" />
        <p id="purge-hard-warning" class="problem" hidden />
        <div class="buttons">
          <button type="submit" value="cancel">
            Keep them
          </button>
          <button type="submit" value="drop" class="danger">
            Drop
          </button>
        </div>
      </form>
    </dialog>
  );
}
