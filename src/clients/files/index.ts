// The file system: reads resources (YAML or JSON, several documents a file) and text from files, folders and standard
// input, bounded in size and number.
export { readCertificates } from './text.ts';
export { readDocuments } from './documents.ts';
export { readBytes, readText } from './text.ts';
