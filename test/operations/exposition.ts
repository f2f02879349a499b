/** A metric as `GET /metrics` tells it. */
export interface ExposedMetric {
  readonly name: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Labels that the format itself gives to a histogram. */
const OF_THE_FORMAT: ReadonlySet<string> = new Set(['le']);

/** Reads Prometheus' text format, as far as a server of ours writes it. */
export function readExposition(text: string): readonly ExposedMetric[] {
  const metrics = new Map<string, { name: string; type: string; samples: Sample[] }>();
  let current: { name: string; type: string; samples: Sample[] } | undefined;
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (\w+)$/.exec(line);
    if (type !== null) {
      current = { name: type[1] ?? '', type: type[2] ?? '', samples: [] };
      metrics.set(current.name, current);
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (sample === null || line.startsWith('#')) continue;
    const [, name = '', labels = '', value] = sample;
    current?.samples.push({ name, labels: labelsIn(labels), value: numberOf(value) });
  }
  return [...metrics.values()];
}

/** The value of the sample with these labels among others; `undefined` where there is none. */
export function sampleOf(
  metrics: readonly ExposedMetric[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const samples = metrics.flatMap((metric) => metric.samples).filter((sample) => sample.name === name);
  return samples.find((sample) =>
    Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )?.value;
}

/** Every label that a sample of the metric has, beside those of the format. */
export function labelsOf({ samples }: ExposedMetric): readonly string[] {
  const names = new Set(samples.flatMap(({ labels }) => Object.keys(labels)));
  return [...names].filter((name) => !OF_THE_FORMAT.has(name)).sort();
}

function labelsIn(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  return Object.fromEntries(pairs.map(([, label = '', value = '']) => [label, value]));
}

function numberOf(text: string | undefined): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  return Number(text);
}
