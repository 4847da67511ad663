import type { ProjectReport } from '../report.ts';
import { ACROSS, projectName } from './project-name.ts';

/** Confirms a purge. The script preselects the project of the button that opened it. */
export function PurgeDialog({
  operations,
  projects,
}: {
  readonly operations: readonly string[];
  readonly projects: readonly ProjectReport[];
}) {
  return (
    <dialog id="purge" aria-labelledby="purge-title">
      <form method="dialog" id="purge-form">
        <h2 id="purge-title">Purge lists</h2>
        <label>
          Project or organization
          <select name="project">
            <option value="">all</option>
            {projects
              .filter(({ id }) => id !== ACROSS)
              .map(({ id }) => (
                <option value={id}>{projectName(id)}</option>
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
        <label class="check">
          <input type="checkbox" name="soft" />
          <span>Mark stale instead: reload at the next use, serve the cached lists if Atlas fails</span>
        </label>
        <p id="purge-says" class="hint" aria-live="polite" />
        <div class="buttons">
          <button type="submit" value="cancel" formnovalidate>
            Cancel
          </button>
          <button type="submit" value="purge" class="danger">
            Purge
          </button>
        </div>
      </form>
    </dialog>
  );
}
