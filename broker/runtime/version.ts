/** Our version; test/repository.test.ts holds it equal to package.json's. A constant needs no file at start. */
export const version = '0.1.0'
