/** Returned by `murmur3Ascii` for text that is not ASCII; no hash is negative. */
export const NOT_ASCII = -1;
