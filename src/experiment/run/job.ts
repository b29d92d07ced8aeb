// The job of a run: what decides its result, without where its files lie and what it writes down on the way.

import { KERNEL_EPOCH } from '../../backend/kernelEpoch.ts';
import type { Job } from '../../jobs/job.ts';
import { formatConfig } from '../config/config.ts';
import { configRecord, decidingFields } from '../manifest/configRecord.ts';
import type { PreparedRun } from './data.ts';

export function runJob({ config, data }: Pick<PreparedRun, 'config' | 'data'>): Job {
  const { values } = configRecord(formatConfig(config, config.directory));
  return {
    kernelEpoch: KERNEL_EPOCH,
    config: decidingFields(values),
    data: data.provenance.map(({ sha256 }) => sha256),
  };
}
