// Estimators of predictions: what gives the draws of the outputs for a tile of draws and rows.

export interface Tile {
  readonly slot: number;
  readonly firstDraw: number;
  readonly lastDraw: number;
  readonly firstRow: number;
  readonly lastRow: number;
  /** Which row of the prediction row 0 of the arena is; default 0. */
  readonly rowOffset?: number;
  /** The tile before in this slot was of these rows in this mode, and they are still there. */
  readonly sameRows?: boolean;
}

/**
 * Takes the outputs of a draw for `panels` data panels of the tile from panel `panel` on, [K, 16·panels] at `outputs`; they may be
 * overwritten. Draws of a panel come in order.
 */
export type TakeOutputs = (draw: number, panel: number, panels: number, outputs: number) => void;

/** Makes draws of the network's outputs for a tile of `panels` data panels; returns early once `canceled` is set in the memory. */
export interface OutputEstimator {
  run(tile: Tile, panels: number, take: TakeOutputs): void;
}
