/** Who asks. Only the security officer may make a key or a certificate trusted. */
export type Role = 'user' | 'so';
