import type { z } from 'zod';
import { inFileOrder, type Path, type Problem, show } from '../config/config-error.ts';
import { readYaml } from '../config/read-yaml.ts';
import { didYouMean } from '../lib/suggest.ts';
import { WEATHER_NAMES, type WeatherSettings, weatherSchema } from '../simulator/weather-settings.ts';

/** The weather of a file, or all of its problems. */
export type LoadedWeather =
  | { readonly ok: true; readonly weather: WeatherSettings }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const isDefault = ({ message }: z.core.$ZodIssue) => /^(Invalid|Too (small|big))\b/.test(message);

/** A Zod issue in terms of the file. An unknown setting is a problem of its own line. */
function issueProblems(issue: z.core.$ZodIssue): { path: Path; message: string }[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: `is not a known setting${didYouMean(key, WEATHER_NAMES)}`,
    }));
  const message = isDefault(issue)
    ? 'must be a mapping; write its settings on the lines below it, indented'
    : issue.message;
  return [{ path: issue.path, message }];
}

/** Reads a weather file: YAML, validated like the configuration. */
export function loadWeather(path: string, readFile: (path: string) => string): LoadedWeather {
  let text: string;
  try {
    text = readFile(path);
  } catch {
    const message = 'cannot be read; check the path given with --weather';
    return { ok: false, problems: [{ file: path, setting: '', message }] };
  }
  const read = readYaml(path, text, { name: 'weather', firstSetting: 'latency' });
  if (!read.ok) return read;
  const parsed = weatherSchema.safeParse(read.raw);
  if (parsed.success) return { ok: true, weather: parsed.data };
  const problems = parsed.error.issues.flatMap(issueProblems).map(({ path: where, message }) => ({
    file: path,
    line: read.lineOf(where),
    setting: show(where),
    message,
  }));
  return { ok: false, problems: inFileOrder(problems) };
}
