// One process that tries inputs. Before each it writes the input to the file that it was given: the process that started it finds there
// what it hangs on, or died of.
import { openSync, writeSync } from 'node:fs';
import { readCorpus } from './corpus.ts';
import { fuzz } from './engine/fuzz.ts';
import { TARGETS } from './targets/index.ts';
import { HEADER_BYTES, type Work } from './work.ts';

const file = openSync(process.argv[2] ?? '', 'w');

function before(input: Uint8Array): void {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(input.byteLength);
  writeSync(file, Buffer.concat([header, input]), 0, undefined, 0);
}

process.on('message', ({ target: name, seed, seconds }: Work) => {
  const target = TARGETS.find((one) => one.name === name)!;
  void fuzz({ target, corpus: readCorpus(target), seed, seconds, before }).then((result) => {
    const findings = result.findings.map((one) => ({
      ...one,
      input: Buffer.from(one.input).toString('base64'),
    }));
    process.send?.({ ...result, findings });
  });
});
process.send?.('ready');
