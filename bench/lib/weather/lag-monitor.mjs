// Loaded into the gateway with --import: writes its longest event-loop delay in milliseconds to the file LAG_FILE. SIGUSR2 starts over.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 5;
const WRITE_MS = 250;

const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
histogram.enable();
process.on('SIGUSR2', () => histogram.reset());
setInterval(() => {
  writeFileSync(process.env.LAG_FILE, String(Math.max(0, histogram.max / 1e6 - RESOLUTION_MS)));
}, WRITE_MS).unref();
