// posterior.safetensors on disk: writing and reading posteriors and ensembles, and their digests.

import type { AnyPosterior, Posterior } from '../../core/posterior.ts';
import { holdToChecksum, type LoadOptions } from '../../files/tensors/checksum.ts';
import { dataSectionSha256, readSafetensors, writeSafetensors } from '../../files/tensors/safetensorsFile.ts';
import { nodeFileHost } from '../fileHost.ts';
import { anyPosteriorRecord, decodeAnyPosterior, digestOf } from './ensembleFile.ts';
import { decodePosterior } from './posteriorFile.ts';

/**
 * Writes a posterior or an ensemble, whole or not at all.
 * @returns its posteriorDigest
 * @throws CheckpointError if the file cannot be written, or for a tensor of the wrong size or with a number that is not finite
 */
export function saveAnyPosterior(path: string, posterior: AnyPosterior): string {
  const { tensors, metadata } = anyPosteriorRecord(posterior, path, nodeFileHost);
  writeSafetensors(path, tensors, metadata);
  return dataSectionSha256(tensors);
}

/** As saveAnyPosterior, of one posterior. */
export const savePosterior: (path: string, posterior: Posterior) => string = saveAnyPosterior;

/**
 * Reads a posterior or an ensemble, holds it to its checksum and checks every shape and number of it.
 * @throws CheckpointError, in one line, naming the file and the tensor or field
 */
export function loadAnyPosterior(path: string, options: LoadOptions = {}): AnyPosterior {
  return decodeAnyPosterior(readSafetensors(path), path, nodeFileHost, options);
}

/** As loadAnyPosterior, of one posterior: an ensemble is refused. */
export function loadPosterior(path: string, options: LoadOptions = {}): Posterior {
  const file = readSafetensors(path);
  const posterior = decodePosterior(file, path);
  holdToChecksum(file, path, nodeFileHost, options);
  return posterior;
}

/** SHA-256, in hex, of the data section of the file it is saved as: of an ensemble, the bytes of its members in their order. */
export function anyPosteriorDigest(posterior: AnyPosterior): string {
  return digestOf(posterior, nodeFileHost);
}

/** As anyPosteriorDigest, of one posterior. */
export const posteriorDigest: (posterior: Posterior) => string = anyPosteriorDigest;
