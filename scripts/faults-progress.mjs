/** A reporter of Vitest that writes a line to standard error for each file of tests that is complete. */
export default class FaultsProgress {
  #files = 0;
  #complete = 0;

  onTestRunStart(specifications) {
    this.#files = specifications.length;
  }

  onTestModuleEnd(testModule) {
    this.#complete++;
    const place = `${String(this.#complete).padStart(3)} of ${this.#files}`;
    const outcome = testModule.ok() ? '' : '  failed';
    process.stderr.write(`${place}  ${testModule.relativeModuleId}${outcome}\n`);
  }
}
