import { expect } from 'chai';
import { createLog } from '../../src/clients/http-server/index.ts';
import { createTelemetry } from '../../src/serve/telemetry.ts';

describe('metrics of pulls', () => {
  it('count the time of an answer by what was asked for, under few labels', async () => {
    const { onPull, metrics } = createTelemetry(createLog(() => undefined));
    for (const kind of ['manifest', 'blob', 'tags', 'referrers', ''])
      onPull({
        ...{ caller: 'anonymous', callerKind: 'anonymous', image: 'docker.io/library/web:1.0', kind },
        ...{ status: 200, verdict: 'allow', reason: '', milliseconds: 20 },
      });
    const page = await metrics.scrape();
    for (const [kind, count] of Object.entries({ manifest: 1, blob: 1, other: 3 })) {
      const name = 'pratique_gate_pull_duration_seconds';
      expect(page).to.include(`${name}_bucket{le="0.01",kind="${kind}"} 0`);
      expect(page).to.include(`${name}_bucket{le="0.025",kind="${kind}"} ${String(count)}`);
    }
  });
});
