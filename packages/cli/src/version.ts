/** Version of the executable; a test compares it with package.json. */
export const nixfleetVersion = '0.1.0';
