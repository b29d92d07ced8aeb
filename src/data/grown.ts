// Typed arrays that are filled row by row grow by doubling.

/** A copy of `values` with zeros behind, twice as long or of `size`. */
export function grown(values: Int32Array, size?: number): Int32Array<ArrayBuffer>;
export function grown(values: Float64Array, size?: number): Float64Array<ArrayBuffer>;
export function grown(
  values: Int32Array | Float64Array,
  size = 2 * values.length,
): Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
  const larger = values instanceof Int32Array ? new Int32Array(size) : new Float64Array(size);
  larger.set(values);
  return larger;
}
