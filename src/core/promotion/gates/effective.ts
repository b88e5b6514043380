/*
 * The gates of a promotion as lines of text, `field=value`, so that two versions of it can be compared field by field. What a
 * field does is known for the fields in `WEAKER`; a change of any other gate is reported as well, so that none is overlooked.
 */
import { digestHex, digestOf, objectOf, textOf } from '../../model/index.ts';
import { durationMs } from '../../policy/index.ts';
import type { ImagePromotionSpec } from '../schema.ts';
import { ageRule } from '../selection/select.ts';
import { MAX_GATE_LENGTH, MAX_GATES } from '../schema/promotion-status.ts';

/** Longest value that is written as it is; of a longer one, its beginning and a hash. */
const MAX_VALUE = 260;
/** Hex digits that distinguish values which are not written in full. */
const HASH_DIGITS = 12;

/** The effective gates of a promotion, defaults filled in, with the places it leads between and what holds it back. */
export function gatesOf(spec: ImagePromotionSpec): readonly string[] {
  const { source, target, tags, platforms, attachments, onTagExists, mirror, promote, suspend, dryRun } =
    spec;
  const age = ageRule(tags.minAge);
  const places = {
    source,
    target,
    tags: { minAge: age?.duration, minAgeBy: age?.by },
    platforms,
    attachments,
    onTagExists,
  };
  const all = { promote, mirror, ...places, suspend, dryRun };
  return linesOf('', all)
    .map((line) => line.slice(0, MAX_GATE_LENGTH))
    .slice(0, MAX_GATES);
}

function linesOf(path: string, value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map((item: unknown) => `${path}[]=${shown(item)}`);
  // Annotations may be many and long; they must not displace other gates.
  if (typeof value !== 'object' || path.endsWith('.annotations')) return [`${path}=${shown(value)}`];
  return Object.entries(value).flatMap(([name, item]) =>
    linesOf(path === '' ? name : `${path}.${name}`, item),
  );
}

/** A value on one line; an object by its name and a hash of the rest. */
function shown(value: unknown): string {
  const { id, name, from } = objectOf(value);
  const isText = typeof value !== 'object';
  const whole = typeof value === 'string' ? value : JSON.stringify(value);
  const text = isText ? whole : textOf(id) || textOf(name) || textOf(from);
  if (isText && text.length <= MAX_VALUE) return text;
  return `${text.slice(0, MAX_VALUE)} ${digestHex(digestOf(JSON.stringify(value))).slice(0, HASH_DIGITS)}`;
}

type IsWeaker = (before: string, after: string) => boolean;

/** For words from the weakest to the strongest. */
const inOrder =
  (...words: readonly string[]): IsWeaker =>
  (before, after) =>
    words.indexOf(after) < words.indexOf(before);
const longer: IsWeaker = (before, after) => durationMs(after) > durationMs(before);
const off = inOrder('false', 'true');
const on = inOrder('true', 'false');

/** When a change of a field weakens a gate. A field that is absent here: always. */
const WEAKER: Readonly<Record<string, IsWeaker>> = {
  'promote.approval': inOrder('Never', 'OnBlock', 'Always'),
  'promote.scan.failOn': inOrder('Critical', 'High', 'Medium', 'Low'),
  'promote.scan.fixableOnly': on,
  'promote.scan.unknownSeverity': inOrder('Ignore', 'Block'),
  'promote.scan.unsupported': inOrder('Ignore', 'Unknown'),
  'promote.scan.maxReportAge': longer,
  'promote.scan.maxDatabaseAge': longer,
  'promote.attach.report': off,
  'promote.deleteSource': on,
  'tags.minAgeBy': inOrder('Claimed', 'FirstSeen'),
  'tags.minAge': (before, after) => longer(after, before),
  'mirror.quarantine': off,
  'mirror.provenance': off,
  'mirror.history': off,
  'mirror.force': on,
  'source.insecure': on,
  'target.insecure': on,
  suspend: off,
  dryRun: off,
};
/** Lists to which an entry more is an obstacle more. */
const DEMANDS: ReadonlySet<string> = new Set(['promote.policies[]']);

/**
 * What of the gates is weaker than before, one short sentence each; none where all of them are as strong. Entries of lists come last:
 * there may be many of them, and where a reader has no room for all, the others have to be seen.
 */
export function weakenedGates(before: readonly string[], after: readonly string[]): readonly string[] {
  const [old, now] = [byField(before), byField(after)];
  const isList = (field: string): boolean => field.endsWith('[]');
  const fields = [...new Set([...old.keys(), ...now.keys()])];
  return fields
    .toSorted((a, b) => Number(isList(a)) - Number(isList(b)))
    .flatMap((field) => {
      const [gone, added] = [
        without(old.get(field), now.get(field)),
        without(now.get(field), old.get(field)),
      ];
      if (!isList(field)) return changeOf(field, gone[0], added[0]);
      return [
        ...(field.endsWith('exceptions[]') ? [] : gone.map((one) => `${field} lacks ${one}`)),
        ...(DEMANDS.has(field) || isNew(field, old) ? [] : added.map((one) => `${field} has ${one}`)),
      ];
    });
}

/** Whether a list is part of a gate that was not there before. */
function isNew(field: string, old: ReadonlyMap<string, unknown>): boolean {
  const gate = field.slice(0, field.lastIndexOf('.') + 1);
  return ![...old.keys()].some((one) => one.startsWith(gate));
}

/** A gate that is new is none that was weakened. */
function changeOf(field: string, before: string | undefined, after: string | undefined): readonly string[] {
  if (before === undefined) return [];
  if (after === undefined) return [`${field} was ${before}, is absent`];
  const isWeaker = WEAKER[field] ?? (() => true);
  return isWeaker(before, after) ? [`${field} was ${before}, is ${after}`] : [];
}

function byField(lines: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    const at = line.indexOf('=');
    const field = line.slice(0, at);
    fields.set(field, [...(fields.get(field) ?? []), line.slice(at + 1)]);
  }
  return fields;
}

function without(all: readonly string[] = [], others: readonly string[] = []): readonly string[] {
  return all.filter((one) => !others.includes(one));
}
