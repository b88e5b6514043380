// How the demo speaks: lines, and a table of what the webhook answered to a pod for each image.
import { Agent, request } from 'undici';
import { podReview } from '../test/support/reviews.ts';
import type { WebhookProcess } from '../test/support/webhook-process.ts';
import type { Chapter } from './story.ts';

/** What the webhook answered about one image. */
export interface Row extends Chapter {
  readonly verdict: string;
  readonly reason: string;
  readonly milliseconds: number;
  readonly message: string;
}

/** Asks the webhook for entry, as an API server would. */
export type Ask = (chapter: Chapter) => Promise<Row>;

interface Response {
  readonly allowed: boolean;
  readonly status?: { readonly message: string };
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
}

export const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

/** A way to ask this webhook; close it in the end. */
export function openAsking({ url, ca }: Pick<WebhookProcess, 'url' | 'ca'>): {
  readonly ask: Ask;
  readonly close: () => Promise<void>;
} {
  const dispatcher = new Agent({ connect: { ca } });
  const ask: Ask = async (chapter) => {
    const body = JSON.stringify(podReview([chapter.image]));
    const started = performance.now();
    const answer = await request(`${url}/validate?timeout=10s`, { method: 'POST', body, dispatcher });
    const { response } = (await answer.body.json()) as { readonly response: Response };
    const milliseconds = performance.now() - started;
    const { verdict = 'allow', reasons = '' } = response.auditAnnotations ?? {};
    const message = response.status?.message ?? response.warnings?.join('\n') ?? '';
    return { ...chapter, verdict, reason: reasons, milliseconds, message };
  };
  return { ask, close: () => dispatcher.close() };
}

/** One line for each answer; images without the host that all of them share. */
export function printTable(rows: readonly Row[], host: string): void {
  const cells = rows.map(({ verdict, title, reason, milliseconds, image }): Cells => {
    const short = image.replace(`${host}/`, '').replace(/(sha256:.{8}).*/, '$1…');
    return [verdict, title, reason.replaceAll(',', ', ') || '-', milliseconds.toFixed(1), short];
  });
  const head: Cells = ['verdict', 'image', 'reason', 'ms', ''];
  for (const [verdict, title, reason, time, image] of [head, ...cells])
    say(
      `  ${verdict.padEnd(8)} ${title.padEnd(29)} ${reason.padEnd(22)} ${time.padStart(6)}   ${image}`.trimEnd(),
    );
}

type Cells = readonly [verdict: string, title: string, reason: string, time: string, image: string];
