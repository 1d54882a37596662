import { z } from 'zod';

/** Base URL of a control plane, without query, fragment or password. */
export const httpsUrl = z
  .string()
  .max(2048)
  .refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    return url?.protocol === 'https:' && !url.username && !url.password && !url.search && !url.hash;
  }, 'expected a URL such as https://control-plane.example:8443');
