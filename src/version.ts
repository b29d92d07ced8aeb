// The version of this package where its package.json cannot be read, as in a browser; a test holds the two together.

export const VERSION = '0.1.0';
