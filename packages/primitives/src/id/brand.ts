declare const brand: unique symbol;

/** A value that was checked once at the edge and is trusted after that. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
