// Folders in the OCI image layout, read and written as a registry is: the whole graph of an image on a disk.
export { createLayouts, type LayoutOptions } from './layouts.ts';
