import { Readable } from 'node:stream';
import { decode } from '../../../src/controllers/events/decode.ts';
import { readDocuments } from '../../../src/clients/files/index.ts';
import { createLog } from '../../../src/clients/http-server/index.ts';
import {
  appendArrivals,
  entryName,
  parseHistory,
  type MirrorHistory,
} from '../../../src/core/promotion/records/history-page.ts';
import {
  digestOf,
  errorFields,
  formatReference,
  objectOf,
  parseReference,
  textOf,
} from '../../../src/core/model/index.ts';
import { NOW } from '../../support/policies.ts';
import { demand, onJson, textIn, type Target } from '../engine/target.ts';

const HOSTED = ['acr', 'ecr', 'gar', 'dockerhub', 'quay', 'jfrog', 'zot'] as const;
const SENDERS = ['distribution', 'harbor', 'ghcr', 'generic', ...HOSTED] as const;

const events: Target = {
  name: 'events',
  form: 'json',
  check: (input) => {
    const labels = SENDERS.map((sender) => {
      for (const registry of ['registry.example.com:5000', undefined]) {
        const read = decode(sender, input, { registry });
        if (!read.ok) {
          demand(
            read.problems.every(({ message }) => message !== ''),
            'says why',
          );
          continue;
        }
        for (const image of read.value) {
          const again = parseReference(formatReference({ ...image, tag: image.tag ?? 'latest' }));
          demand(again.ok && again.value.repository === image.repository, 'a pushed image is an image');
          if (registry !== undefined)
            demand(image.registry === registry, 'a sender speaks of its own registry only');
        }
      }
      const last = decode(sender, input, { registry: undefined });
      return last.ok ? String(Math.min(last.value.length, 2)) : 'x';
    });
    return labels.join('');
  },
};

/** A document without what YAML means otherwise than JSON does: keys that merge. */
function isSame(text: string): boolean {
  return !text.includes('"<<"') && !/"(?:[^"\\]|\\.)*"(?=:)/.test(doubled(text));
}

/** The keys that occur more than once in a text. */
function doubled(text: string): string {
  const keys = [...text.matchAll(/"(?:[^"\\]|\\.)*"(?=:)/g)].map(([key]) => key);
  return keys.some((key, index) => keys.indexOf(key) !== index) ? '"a":' : '';
}

function compareWithJson(text: string, read: unknown): void {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return;
  }
  if (json !== null && isSame(text))
    demand(JSON.stringify(read) === JSON.stringify(json), 'JSON is read as JSON');
}

const yaml: Target = {
  name: 'yaml',
  form: 'text',
  check: async (input) => {
    const { documents, problems } = await readDocuments('-', { stdin: Readable.from([Buffer.from(input)]) });
    for (const { path, message } of problems)
      demand(path.startsWith('-') && message !== '', 'a problem names its place');
    if (problems.length === 0) compareWithJson(textIn(input), documents[0]?.value);
    return `${String(Math.min(documents.length, 3))} ${(problems[0]?.message ?? '').replaceAll(/\d/g, '').slice(0, 30)}`;
  },
};

const logLines: Target = {
  name: 'log-lines',
  form: 'json',
  check: onJson((value) => {
    const lines: string[] = [];
    const log = createLog((line) => lines.push(line));
    const message = textOf(objectOf(value).msg);
    log.info({ ...objectOf(value) }, message);
    log.error(errorFields(new Error(message, { cause: value })), message);
    demand(lines.length === 2, 'one line for each message');
    for (const line of lines) {
      demand(line.indexOf('\n') === line.length - 1, 'a message is one line');
      demand(!/[\u0000-\u001f]/.test(line.trimEnd()), 'a line has no control characters');
      JSON.parse(line);
    }
    return 'logged';
  }),
};

const history: Target = {
  name: 'history',
  form: 'json',
  check: (input) => {
    const read = parseHistory(input);
    if (!read.ok) return 'unreadable';
    const sourceDigest = digestOf('image');
    const arrival = { sourceTag: '1.4', sourceDigest, destTag: '1.4', syncedAt: NOW, force: false } as const;
    const run = { name: 'run', id: '1', attempt: 1, actor: 'jane' };
    const more = appendArrivals(read.value, [{ ...arrival, run }]);
    const isIn = ({ entries }: MirrorHistory) => entries.some((one) => entryName(one) === entryName(arrival));
    demand(isIn(more), 'what is recorded is found again');
    demand(more.entries.length >= read.value.entries.length, 'no record is lost');
    const written = parseHistory(Buffer.from(JSON.stringify(more)));
    demand(written.ok && isIn(written.value), 'what is written can be read');
    return `history ${String(Math.min(more.entries.length, 3))}`;
  },
};

export const DOCUMENTS: readonly Target[] = [events, yaml, logLines, history];
