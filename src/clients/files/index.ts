// The file system: reads resources (YAML or JSON, several documents a file) and text from files, folders and standard
// input, bounded in size and number.
export { readDocuments } from './documents.ts';
export { readBytes, readCertificates, readText } from './text.ts';
