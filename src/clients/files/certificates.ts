import { parsed, type Parsed, type Problem } from '../../core/model/index.ts';
import { readText } from './text.ts';

/** Certificates of several PEM files as one PEM; a file without any is a problem, and all problems are listed. */
export async function readCertificates(files: readonly string[]): Promise<Parsed<string>> {
  const texts = await Promise.all(files.map(readText));
  const problems = texts.flatMap((text, index): readonly Problem[] => {
    if (!text.ok) return text.problems;
    const holdsOne = text.value.includes('-----BEGIN CERTIFICATE-----');
    return holdsOne ? [] : [{ path: files[index] ?? '', message: 'holds no PEM certificate' }];
  });
  if (problems.length > 0) return { ok: false, problems };
  return parsed(texts.map((text) => (text.ok ? text.value : '')).join('\n'));
}
