// Where images appear in a Kubernetes object: one table of kinds, one loop over every container field.
// Pure: an object as the API server (or a file) gives it goes in, the uses of images come out.
export { changedImages } from './changed-images.ts';
export { extractImages, MAX_IMAGES_PER_OBJECT } from './extract-images.ts';
export type { ImageRole, ImageUse } from './extract-images.ts';
export { isWorkload } from './kinds.ts';
export type { ObjectKind } from './kinds.ts';
export { replicasOf } from './replicas.ts';
