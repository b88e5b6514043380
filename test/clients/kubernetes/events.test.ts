import { expect } from 'chai';
import {
  createEventRecorder,
  type EventRecorder,
  type RecordedEvent,
} from '../../../src/clients/kubernetes/events.ts';
import type { Cluster, KubeObject } from '../../../src/clients/kubernetes/types.ts';
import { clusterFault, createClusterTwin, no, type ClusterTwin } from '../../support/twins/cluster.ts';

const EVENTS = { group: 'events.k8s.io', version: 'v1', plural: 'events' } as const;
const MINUTE_MS = 60_000;

interface LeaseFixture {
  readonly twin: ClusterTwin;
  readonly recorder: EventRecorder;
  readonly failures: unknown[];
  readonly pass: (ms: number) => void;
  /** Waits until no event is pending, and returns the stored events. */
  readonly stored: () => Promise<readonly KubeObject[]>;
  readonly restart: () => EventRecorder;
}

function openFixture(cluster?: (twin: ClusterTwin) => Cluster): LeaseFixture {
  let now = Date.parse('2030-01-02T03:04:05.678Z');
  const twin = createClusterTwin();
  const failures: unknown[] = [];
  const restart = (): EventRecorder =>
    createEventRecorder({
      cluster: cluster?.(twin) ?? twin,
      namespaceOfClusterScoped: 'default',
      reportingInstance: 'pratique-0',
      clock: () => new Date(now),
      onFailure: (error) => failures.push(error),
    });
  return {
    twin,
    failures,
    restart,
    recorder: restart(),
    pass: (ms) => {
      now += ms;
    },
    stored: async () => {
      for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
      return (await twin.list({ resource: EVENTS })).items;
    },
  };
}

function eventOf(more: Partial<RecordedEvent> & { readonly pod?: string } = {}): RecordedEvent {
  const { pod = 'web-1', ...rest } = more;
  return {
    regarding: { apiVersion: 'v1', kind: 'Pod', name: pod, namespace: 'acme', uid: `uid-of-${pod}` },
    type: 'Warning',
    reason: 'Unsigned',
    action: 'Audit',
    note: 'The image is not signed.',
    ...rest,
  };
}

const series = (items: readonly KubeObject[]): readonly unknown[] =>
  items.map((item) => (item.series as { count?: number } | undefined)?.count);

describe('kubernetes: the event recorder', () => {
  it('writes an event as kubectl describe shows it', async () => {
    const { recorder, stored } = openFixture();
    recorder.record(eventOf());
    const [event] = await stored();
    expect(event).to.deep.include({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      eventTime: '2030-01-02T03:04:05.678000Z',
      reportingController: 'pratique.dev/pratique',
      reportingInstance: 'pratique-0',
      ...eventOf(),
    });
    expect(event?.metadata.namespace).to.equal('acme');
    expect(event?.metadata.name).to.match(/^web-1\.[0-9a-f]{16}$/);
    expect(event).to.not.have.property('series');
  });

  it('writes an event about a cluster-scoped object into the namespace that the API server requires', async () => {
    const { recorder, stored } = openFixture();
    recorder.record(
      eventOf({ regarding: { apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePolicy', name: 'A:b' } }),
    );
    const [event] = await stored();
    expect(event?.metadata.namespace).to.equal('default');
    expect(event?.metadata.name).to.match(/^event\.[0-9a-f]{16}$/);
  });

  it('groups equal events into a series, and writes other events separately', async () => {
    const { recorder, stored, pass } = openFixture();
    for (let n = 0; n < 3; n += 1) {
      recorder.record(eventOf());
      pass(1_000);
      await stored();
    }
    for (const more of [
      { reason: 'Other' },
      { note: 'Other.' },
      { pod: 'web-2' },
      { type: 'Normal' as const },
    ])
      recorder.record(eventOf(more));
    const items = await stored();
    const [first] = items.filter((item) => item.series !== undefined);
    expect(first?.series).to.deep.equal({ count: 3, lastObservedTime: '2030-01-02T03:04:07.678000Z' });
    expect(items.length).to.equal(5);
  });

  it('writes once what is recorded many times at the same moment', async () => {
    const { recorder, stored, twin } = openFixture();
    for (let n = 0; n < 100; n += 1) recorder.record(eventOf());
    expect(series(await stored())).to.deep.equal([100]);
    expect(twin.count({ resource: 'events', verb: 'create' })).to.equal(1);
  });

  it('continues a series that an earlier process began', async () => {
    const { recorder, stored, restart } = openFixture();
    for (const each of [recorder, restart(), restart()]) {
      each.record(eventOf());
      await stored();
    }
    expect(series(await stored())).to.deep.equal([3]);
  });

  it('creates the event again when it was deleted between two writes', async () => {
    const { recorder, stored, twin } = openFixture((real) => ({
      ...real,
      get: async (address, signal) => {
        await real.remove(address);
        return real.get(address, signal);
      },
    }));
    recorder.record(eventOf());
    await stored();
    recorder.record(eventOf());
    expect(series(await stored())).to.deep.equal([undefined]);
    expect(twin.count({ verb: 'create' })).to.equal(3);
  });

  it('cuts a note to 1 024 bytes between two characters', async () => {
    const { recorder, stored } = openFixture();
    recorder.record(eventOf({ note: `x${'ü'.repeat(600)}` }));
    const note = String((await stored())[0]?.note);
    expect(Buffer.byteLength(note)).to.be.within(1_022, 1_024);
    expect(note).to.match(/^xü+…$/);
  });

  it('O48: text from outside adds no line to an event, and hides none', async () => {
    const { recorder, stored } = openFixture();
    recorder.record(eventOf({ note: 'web:1.0 is blocked: x\n\u001b[2J\u2028Normal  Promoted\u202e \ud800' }));
    expect((await stored())[0]?.note).to.equal('web:1.0 is blocked: x [2J Normal  Promoted  \ufffd');
  });

  it('limits the events of one object, and counts those that it held back', async () => {
    const { recorder, stored, pass, twin, failures } = openFixture();
    for (let n = 0; n < 30; n += 1) {
      recorder.record(eventOf());
      await stored();
    }
    recorder.record(eventOf({ pod: 'web-2' }));
    expect(series(await stored())).to.deep.equal([25, undefined]);
    pass(6 * MINUTE_MS);
    recorder.record(eventOf());
    expect(series(await stored())).to.deep.equal([31, undefined]);
    expect(twin.count({ verb: 'create', namespace: 'acme' })).to.equal(27);
    expect(failures).to.deep.equal([]);
  });

  it('reports lost events and continues', async () => {
    const { recorder, stored, twin, failures } = openFixture();
    const fault = clusterFault();
    twin.fail({ verb: 'create' }, fault, 1);
    recorder.record(eventOf());
    await stored();
    const allow = twin.deny(() => no(403, 'Forbidden', 'the namespace goes away'));
    recorder.record(eventOf());
    await stored();
    allow();
    recorder.record(eventOf());
    expect((await stored()).length).to.equal(1);
    expect(failures[0]).to.equal(fault);
    expect(failures[1]).to.include({ code: 'ClusterDenied', side: 'cluster' });
  });

  it('holds a limited number, and reports the rest', async () => {
    const { recorder, twin, failures } = openFixture();
    const release = twin.hold({ verb: 'create' });
    for (let n = 0; n < 520; n += 1) recorder.record(eventOf({ pod: `web-${n}` }));
    expect(failures.length).to.equal(20);
    release();
    await recorder.close();
    expect(twin.count({ verb: 'create' })).to.equal(500);
  });

  it('writes the waiting events before it closes, and nothing after', async () => {
    const { recorder, stored, failures } = openFixture();
    recorder.record(eventOf());
    await recorder.close();
    expect((await stored()).length).to.equal(1);
    recorder.record(eventOf({ pod: 'web-2' }));
    expect((await stored()).length).to.equal(1);
    expect(failures.length).to.equal(1);
  });
});
