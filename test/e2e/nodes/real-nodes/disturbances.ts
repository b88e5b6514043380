import { expect } from 'chai';
import { RELEASE } from '../../support/helm.ts';
import { DNS_LABEL, DNS_NAMESPACE } from '../../support/nodes/cluster-dns.ts';
import { signalPod } from '../../support/nodes/containers.ts';
import type { Installed } from '../../support/nodes/installed.ts';
import type { UnderLoad } from '../../support/nodes/under-load.ts';
import { until } from '../../support/wait.ts';

/** The node that is drained, and that dies in the end. */
const MORTAL = 'node2';
const REPLICAS = 'app.kubernetes.io/component=controller';
const WEBHOOK = `${RELEASE}-webhook`;
/** Kubernetes takes up to 55 s to see that a node is dead; a pod that does not answer, 30. */
const SEEN_WITHIN_MS = 75_000;
/** What the chart promises of a node that dies. */
const NODE_DEATH_SECONDS = 60;
/** A pod that crashed is not called any more when its kubelet has seen it. */
const CRASH_SECONDS = 10;
const TEST_WITHIN_MS = 180_000;
const SETTLED_WITHIN = '--timeout=90s';

/** What happens on nodes every week. */
export function describeRestarts(installed: () => Installed, { nothingLost, readyOf }: UnderLoad): void {
  describe('under load', function () {
    this.timeout(TEST_WITHIN_MS);

    for (const program of ['kubelet', 'containerd'] as const) {
      it(`no pod is lost when ${program} is killed on both nodes`, async () => {
        const { nodes } = installed().real;
        await nothingLost(`${program} killed on both nodes`, () =>
          Promise.all(nodes.map(({ killProgram }) => killProgram(program))),
        );
      });
    }

    it('no pod is lost while a node is drained', async () => {
      const { kubectl } = installed();
      const how = ['--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=60s'];
      await nothingLost('drain', () => kubectl('drain', MORTAL, ...how));
      await kubectl('uncordon', MORTAL);
    });

    it('no pod is lost during an upgrade, after which the replicas are on different nodes', async () => {
      await nothingLost('helm upgrade', () => installed().upgrade({ scanner: { delivery: 'Mount' } }));
      const placed = (await readyOf(RELEASE, WEBHOOK)).map(({ nodeName }) => nodeName);
      expect(placed.toSorted()).to.deep.equal(['node1', MORTAL]);
    });
  });
}

/** What happens every year. */
export function describeOutages(installed: () => Installed, { row, podsOf, readyOf }: UnderLoad): void {
  describe('under load, in an outage', function () {
    this.timeout(TEST_WITHIN_MS);
    const untilNotCalled = (service: readonly [namespace: string, name: string], where: string) =>
      until({
        what: `Kubernetes sends nothing to ${where} any more`,
        withinMs: SEEN_WITHIN_MS,
        everyMs: 500,
        check: async () =>
          (await readyOf(...service)).every(
            ({ nodeName, targetRef }) => ![nodeName, targetRef?.name].includes(where),
          ),
      });

    it('signed pods are admitted while one of two CoreDNS does not answer', async () => {
      const { kubectl } = installed();
      await kubectl('rollout', 'status', '-n', DNS_NAMESPACE, 'deployment/coredns', SETTLED_WITHIN);
      const [pod] = await podsOf(DNS_NAMESPACE, DNS_LABEL);
      const { name = '', uid = '' } = pod?.metadata ?? {};
      const { signedAdmitted, messages } = await row({
        name: 'one CoreDNS of two hangs',
        act: async () => {
          await signalPod(uid, 'coredns', 'SIGSTOP');
          await untilNotCalled([DNS_NAMESPACE, 'kube-dns'], name);
        },
      });
      await signalPod(uid, 'coredns', 'SIGCONT');
      expect(signedAdmitted, messages.join('\n')).to.be.at.least(0.99);
    });

    // After this the API server is connected to the replica whose node dies next: the worst case.
    it('a replica that crashes costs seconds at most', async () => {
      const pod = (await podsOf(RELEASE, REPLICAS)).find(({ spec }) => spec.nodeName !== MORTAL);
      const { recoverySeconds, messages } = await row({
        name: 'webhook killed (SIGKILL)',
        act: () => signalPod(pod?.metadata.uid ?? '', 'pratique.js', 'SIGKILL'),
      });
      expect(recoverySeconds, messages.join('\n')).to.be.at.most(CRASH_SECONDS);
    });

    it('a node that dies stops pods for a minute at most', async () => {
      const { nodes } = installed().real;
      const { recoverySeconds, messages } = await row({
        name: 'node death',
        act: async () => {
          await nodes.find(({ name }) => name === MORTAL)?.die();
          await untilNotCalled([RELEASE, WEBHOOK], MORTAL);
        },
      });
      expect(recoverySeconds, messages.join('\n')).to.be.at.most(NODE_DEATH_SECONDS);
    });
  });
}
