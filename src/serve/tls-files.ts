import { readText } from '../clients/files/index.ts';
import { parsed, problem, type Parsed } from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';

/** Reads certificate and key of the webhook from the files that the settings name. */
export async function readTls({
  tlsCert,
  tlsKey,
}: Settings['webhook']): Promise<Parsed<{ readonly cert: string; readonly key: string }>> {
  if (tlsCert === undefined || tlsKey === undefined) {
    const missing = [
      ...(tlsCert === undefined ? ['--tls-cert'] : []),
      ...(tlsKey === undefined ? ['--tls-key'] : []),
    ];
    const why = `${missing.length > 1 ? 'are' : 'is'} needed: the API server calls webhooks over HTTPS only`;
    return problem(missing.join(', '), why);
  }
  const [cert, key] = await Promise.all([readText(tlsCert), readText(tlsKey)]);
  if (cert.ok && key.ok) return parsed({ cert: cert.value, key: key.value });
  return { ok: false, problems: [...(cert.ok ? [] : cert.problems), ...(key.ok ? [] : key.problems)] };
}
