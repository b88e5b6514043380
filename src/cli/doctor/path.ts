import { RESOURCES } from '../../core/workload/index.ts';
import { failed, ok, textAt, warning, type CheckResult, type Examination } from './check.ts';

const SEE_LOG = 'see the log of the leader';
const PATH = /\/(?:validate|mutate)(?:\/([^/]*))?$/;

/** Whether the path that a webhook names is one that replicas answer, and that no other caller can know. Never shows it. */
export async function checkPath(
  { ports, namespace, name, signal }: Examination,
  webhook: unknown,
): Promise<CheckResult> {
  const check = 'webhook path';
  const url = textAt(webhook, 'clientConfig', 'url');
  const [, named = ''] = PATH.exec(url || textAt(webhook, 'clientConfig', 'service', 'path')) ?? [];
  const secret = `${name}-webhook-path`;
  const found = await ports.get({ resource: RESOURCES.secrets, namespace, name: secret }, signal);
  const [newest, previous, plain] = ['secret', 'previous', 'plain'].map((key) =>
    Buffer.from(textAt(found, 'data', key), 'base64').toString(),
  );
  if (named === '') {
    const detail = 'names no secret: any caller that reaches the webhook can ask about every namespace';
    return plain === 'true' || !found
      ? warning(check, detail, 'the leader changes that as soon as no replica of a former version runs')
      : failed(check, `${detail}, and no replica answers there`, SEE_LOG);
  }
  if (!found)
    return ok(check, `holds a secret; Secret ${namespace}/${secret} is not there to compare it with`);
  if (named === newest) return ok(check, `holds the secret in Secret ${secret}`);
  if (named === previous) return ok(check, `holds the former secret in Secret ${secret}, which still counts`);
  return failed(check, `does not hold the secret in Secret ${secret}: everything is refused`, SEE_LOG);
}
