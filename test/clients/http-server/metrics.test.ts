import { expect } from 'chai';
import { createMetrics, operationsPages } from '../../../src/clients/http-server/index.ts';
import { MAX_SERIES, OTHER } from '../../../src/clients/http-server/metrics.ts';

const COUNTER = { name: 'requests_total', help: 'Requests.', labels: ['host', 'code'] };
const HISTOGRAM = { name: 'duration_seconds', help: 'Seconds.', labels: ['verb'], buckets: [0.1, 1] };

describe('createMetrics', () => {
  const open = () => createMetrics({ gauges: [], counters: [COUNTER], histograms: [HISTOGRAM] });
  const linesOf = async ({ scrape }: ReturnType<typeof open>, name: string) =>
    (await scrape()).split('\n').filter((line) => line.startsWith(name));

  it('counts by labels, by one by default', async () => {
    const metrics = open();
    metrics.count('requests_total', { host: 'a', code: '200' });
    metrics.count('requests_total', { host: 'a', code: '200' }, 4);
    metrics.count('requests_total', { host: 'b', code: '500' });
    expect(await linesOf(metrics, 'requests_total')).to.deep.equal([
      'requests_total{host="a",code="200"} 5',
      'requests_total{host="b",code="500"} 1',
    ]);
  });

  it('sorts observations into the configured buckets', async () => {
    const metrics = open();
    for (const value of [0.05, 0.5, 5]) metrics.observe('duration_seconds', { verb: 'get' }, value);
    expect(await linesOf(metrics, 'duration_seconds')).to.have.members([
      'duration_seconds_bucket{le="0.1",verb="get"} 1',
      'duration_seconds_bucket{le="1",verb="get"} 2',
      'duration_seconds_bucket{le="+Inf",verb="get"} 3',
      'duration_seconds_sum{verb="get"} 5.55',
      'duration_seconds_count{verb="get"} 3',
    ]);
  });

  it('reads gauges at every scrape, and drops the values of the previous scrape', async () => {
    let hosts = ['a', 'b'];
    const read = () => hosts.map((host, index) => ({ labels: { host }, value: index }));
    const metrics = createMetrics({
      gauges: [{ name: 'age_seconds', help: 'Age.', labels: ['host'], read }],
    });
    expect(await linesOf(metrics, 'age_seconds')).to.deep.equal([
      'age_seconds{host="a"} 0',
      'age_seconds{host="b"} 1',
    ]);
    hosts = ['b'];
    expect(await linesOf(metrics, 'age_seconds')).to.deep.equal(['age_seconds{host="b"} 0']);
  });

  it('keeps a bounded number of series, and counts all others together', async () => {
    const metrics = open();
    for (let host = 0; host < MAX_SERIES + 50; host++)
      metrics.count('requests_total', { host: String(host), code: '200' });
    metrics.count('requests_total', { host: '0', code: '200' });
    const lines = await linesOf(metrics, 'requests_total');
    expect(lines).to.have.length(MAX_SERIES + 1);
    expect(lines).to.include(`requests_total{host="${OTHER}",code="${OTHER}"} 50`);
    expect(lines, 'one that is known goes on').to.include('requests_total{host="0",code="200"} 2');
  });

  it('has the metrics of the process itself', async () => {
    const page = await open().scrape();
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_seconds',
    ])
      expect(page).to.match(new RegExp(`^${name} `, 'm'));
  });

  it('throws on an undefined metric, and on a name that was defined twice', () => {
    const metrics = open();
    expect(() => metrics.count('nothing_total', {})).to.throw();
    expect(() => metrics.observe('requests_total', {}, 1)).to.throw();
    expect(() => metrics.count('requests_total', { host: 'a', colour: 'red' })).to.throw();
    expect(() => createMetrics({ gauges: [], counters: [COUNTER, COUNTER] })).to.throw();
  });
});

describe('the page for the start', () => {
  /** What a request for it gets, when the process is ready after so many milliseconds. */
  const startAfter = async (readyAt: number) => {
    let time = 0;
    const readiness = () =>
      time >= readyAt ? { status: 200, body: 'ok' } : { status: 503, body: 'not ready' };
    const wait = (ms: number) => Promise.resolve((time += ms));
    const pages = operationsPages(createMetrics({}), readiness, wait);
    const answer = await pages
      .find(({ path }) => path === '/startz')
      ?.handle({ body: Buffer.alloc(0), query: new URLSearchParams(), headers: new Map() });
    return { status: answer?.status, time };
  };

  it('answers as soon as the process is ready', async () => {
    expect(await startAfter(0)).to.deep.equal({ status: 200, time: 0 });
    expect(await startAfter(2_950)).to.deep.equal({ status: 200, time: 3_000 });
  });

  it('answers before a probe gives up', async () => {
    expect(await startAfter(Infinity)).to.deep.equal({ status: 503, time: 8_000 });
  });
});
