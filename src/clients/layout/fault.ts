import { errorCode, Fault } from '../../core/model/index.ts';
import type { Problem, ReasonCode } from '../../core/model/index.ts';

/** What is being done with a folder, for Faults. */
export interface Doing {
  readonly operation: string;
  readonly side: 'source' | 'target';
  readonly signal: AbortSignal;
}

/** A Fault about a folder. */
export function fault(
  { operation, side }: Omit<Doing, 'signal'>,
  code: ReasonCode,
  detail: string,
  { transient = false, cause }: { readonly transient?: boolean; readonly cause?: unknown } = {},
): Fault {
  return new Fault({ code, operation, side, transient, detail, cause });
}

/** Throws when the caller has no more time. */
export function checkTime(doing: Doing): void {
  if (doing.signal.aborted)
    throw fault(doing, 'DeadlineExceeded', 'the time ran out before the folder was read or written', {
      transient: true,
    });
}

const MEANINGS: Readonly<Record<string, readonly [ReasonCode, string]>> = {
  ENOSPC: ['RegistryUnavailable', 'its disk is full'],
  EDQUOT: ['RegistryUnavailable', 'the quota of its disk is used up'],
  EFBIG: ['LimitExceeded', 'its file system takes no file this large'],
  EACCES: ['RegistryDenied', 'permission denied'],
  EPERM: ['RegistryDenied', 'permission denied'],
  EROFS: ['RegistryDenied', 'its file system is read-only'],
  ELOOP: ['UntrustedEndpoint', 'it is a symbolic link, and none in a folder is followed'],
  EMLINK: ['UntrustedEndpoint', 'it is a symbolic link, and none in a folder is followed'],
  ENOTDIR: ['RegistryMisbehaved', 'a file is in the place of a folder'],
  EISDIR: ['RegistryMisbehaved', 'a folder is in the place of a file'],
};

/** The Fault for what the system refuses; `path` names the file. */
export function faultOfSystem(doing: Doing, path: string, error: unknown): unknown {
  if (error instanceof Fault) return error;
  if (doing.signal.aborted) checkTime(doing);
  const code = errorCode(error);
  if (code === '') return error;
  const [reason, meaning] = MEANINGS[code] ?? ['RegistryUnavailable', 'the system does not read or write it'];
  return fault(doing, reason, `${path}: ${meaning} (${code})`, { cause: error });
}

/** The Fault for a document of a folder that cannot be read. */
export function unreadable(doing: Omit<Doing, 'signal'>, path: string, [first]: readonly Problem[]) {
  const { path: field = '', message = 'cannot be read', isLimit, reason } = first ?? {};
  const code = reason ?? (isLimit ? 'LimitExceeded' : 'RegistryMisbehaved');
  return fault(doing, code, `${path}: ${field} ${message}`);
}
