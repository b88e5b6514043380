import { cutText, describeProblems, oneLine } from '../core/model/index.ts';
import { MAX_WARNING } from '../core/policy/index.ts';
import { KUBERNETES_WORKLOADS } from '../core/workload/index.ts';
import { patchAnswer, refusalAnswer } from './answer.ts';
import { within } from './deadline.ts';
import { readReview, type AdmissionRequest, type Review } from './decode.ts';
import { recordOriginals } from './original-images.ts';
import { fieldPointer, type PatchOperation } from './patch.ts';
import { findPins } from './pins.ts';
import type { MutationPorts } from './ports.ts';
import { millisecondsSince, reasonOf, subjectOf, type ReviewOutcome } from './review.ts';
import { isPod, scopeOf } from './scope.ts';

interface Change {
  readonly operations: readonly PatchOperation[];
  readonly pinned: readonly string[];
  readonly warnings: readonly string[];
}

const UNCHANGED: Change = { operations: [], pinned: [], warnings: [] };

/**
 * Answers one AdmissionReview with digests for the images that would be judged in it, have none, and are covered by a
 * policy that pins.
 *
 * Nothing is ever refused here. Whatever goes wrong leaves the object as it is, with a warning. This is safe: the API
 * server calls validating webhooks after all mutating ones, with the object as it is then, and that call judges every
 * image, pinned or not. A wrong patch (Kyverno once judged the empty object that was left of one), or one that another
 * webhook undid, can therefore not admit an image that was not judged.
 */
export async function mutate(asked: Review, ports: MutationPorts): Promise<ReviewOutcome> {
  const started = performance.now();
  const request = await readReview(asked, ports);
  if (!request.ok) {
    const detail = describeProblems(request.problems);
    const reason = reasonOf(request.problems);
    const { warnings } = warned(`${reason}: ${detail}`);
    // Without a uid there is no request to allow; the HTTP status reports the error to the sender.
    return request.uid === ''
      ? { status: 400, ...refusalAnswer('', 400, reason, detail) }
      : { status: 200, answer: patchAnswer(request.uid, [], warnings) };
  }
  const { operations, pinned, warnings } = await changeInTime(
    request.value,
    asked.budgetMs - millisecondsSince(started),
    ports,
  );
  if (pinned.length + warnings.length > 0) {
    const milliseconds = millisecondsSince(started);
    ports.onMutation({ ...subjectOf(request.value), pinned, warnings, milliseconds });
  }
  return { status: 200, answer: patchAnswer(request.value.uid, operations, warnings) };
}

async function changeInTime(
  request: AdmissionRequest,
  budgetMs: number,
  ports: MutationPorts,
): Promise<Change> {
  try {
    const change = await within(budgetMs, (signal) => changeOf(request, ports, signal));
    return change ?? warned('DeadlineExceeded: the digests could not be learned in time');
  } catch (error) {
    ports.report(error);
    return warned('InternalError: Pratique failed; its log says how');
  }
}

async function changeOf(
  request: AdmissionRequest,
  ports: MutationPorts,
  signal: AbortSignal,
): Promise<Change> {
  const scope = scopeOf(request, ports.workloads ?? KUBERNETES_WORKLOADS);
  if (!scope.ok) return warned(`InvalidRequest: ${request.kind.kind} ${describeProblems(scope.problems)}`);
  if (scope.value.brings !== 'images') return UNCHANGED;
  if (ports.objects === 'Pods' && !isPod(request)) return UNCHANGED;
  const { images, credentials } = scope.value;
  const { pins, warnings } = await findPins(images, credentials, ports, signal);
  const replaced = pins.map(({ use, reference }): PatchOperation => {
    return { op: 'replace', path: fieldPointer(use.field), value: reference };
  });
  const uses = pins.map(({ use }) => use);
  const originals = ports.objects === 'Pods' ? recordOriginals(request, uses) : [];
  return {
    operations: [...replaced, ...originals],
    pinned: pins.map(({ reference }) => reference),
    warnings,
  };
}

function warned(why: string): Change {
  return { ...UNCHANGED, warnings: [cutText(oneLine(`no digests were added: ${why}`), MAX_WARNING)] };
}
