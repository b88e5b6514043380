import type { ClusterFixture } from '../cluster/cluster-fixture.ts';

/**
 * A pod whose node says that it runs an unsigned image, made where the webhook does not look: the audit has something to
 * find.
 */
export async function untilRunning({ cluster, push }: ClusterFixture): Promise<void> {
  const image = await push('runs');
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'runs', namespace: 'kube-system' },
    spec: { nodeName: 'node', containers: [{ name: 'main', image }] },
  };
  await cluster.apply(pod);
  const running = {
    name: 'main',
    image,
    imageID: image,
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
    lastState: {},
  };
  const status = JSON.stringify({ status: { phase: 'Running', containerStatuses: [running] } });
  const patched = await cluster.kubectl([
    'patch',
    'pod',
    'runs',
    '-n',
    'kube-system',
    '--subresource=status',
    '--type=merge',
    '-p',
    status,
  ]);
  if (patched.code !== 0) throw new Error(patched.stderr);
}
