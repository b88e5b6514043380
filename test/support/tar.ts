/** Size of a block (POSIX.1-1988 ustar). */
const BLOCK = 512;

/** A tar with these files, path → text or bytes, as the layer of an image; folders need no entries of their own. */
export function tarOf(
  files: Readonly<Record<string, string | Uint8Array>>,
  { executable = false }: { readonly executable?: boolean } = {},
): Buffer {
  const entries = Object.entries(files).flatMap(([path, text]) => {
    const bytes = Buffer.from(text);
    return [
      headerOf(path, bytes.byteLength, executable ? '0000755' : '0000644'),
      bytes,
      Buffer.alloc(-bytes.byteLength & (BLOCK - 1)),
    ];
  });
  return Buffer.concat([...entries, Buffer.alloc(2 * BLOCK)]);
}

function headerOf(path: string, size: number, mode: string): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(path, 0, 100);
  header.write(`${mode}\0` + '0000000\0' + '0000000\0', 100);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write(`${'0'.repeat(11)}\0`, 136);
  // The sum is made with spaces in its own place.
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
