import { chart, helm } from '../helm.ts';
import { succeed } from '../programs/command.ts';
import { requirePrograms } from '../programs/ensure.ts';

/** Where {@link pushProduct} pushes to. */
export const PRODUCT_REPOSITORY = 'platform/pratique';
/** The folder of the image, as run.ts built it from the Dockerfile. */
const LAYOUT = 'PRATIQUE_E2E_IMAGE';

/** Pushes the image of the product by the tag that the chart has without a value; returns tag and digest. */
export async function pushProduct(
  registry: string,
): Promise<{ readonly tag: string; readonly digest: string }> {
  const { crane } = await requirePrograms(['crane']);
  const layout = process.env[LAYOUT];
  if (layout === undefined) throw new Error(`${LAYOUT} is not set: run this by npm run test:e2e`);
  const tag = await appVersion();
  const place = `${registry}/${PRODUCT_REPOSITORY}`;
  const printed = await succeed({ command: crane, args: ['push', '--insecure', layout, `${place}:${tag}`] });
  return { tag, digest: printed.trim().replace(/^.*@/, '') };
}

async function appVersion(): Promise<string> {
  const { stdout } = await helm(['show', 'chart', chart]);
  const version = /^appVersion: *"?([^"\n]+)/m.exec(stdout)?.[1];
  if (version === undefined) throw new Error('the chart has no appVersion');
  return version;
}
