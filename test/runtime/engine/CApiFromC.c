/* The header is C; this file is what says so. */
#include "runtime/include/swallow_rt.h"

swallow_status generateFromC(const swallow_artifact *artifact, int32_t first,
                             int32_t *ids, size_t count) {
  swallow_session_options options;
  swallow_session *session = NULL;
  swallow_sampling_options sampling;
  swallow_sampler *sampler = NULL;
  swallow_status status;
  int64_t sequence = 0;
  size_t i;

  swallow_session_options_init(&options, sizeof(options));
  options.threads = 1;
  status = swallow_session_create(artifact, &options, &session);
  if (status != SWALLOW_OK)
    return status;
  swallow_sampling_options_init(&sampling, sizeof(sampling));
  sampling.temperature = 0;
  status = swallow_sampler_create(&sampling, &sampler);
  if (status == SWALLOW_OK)
    status = swallow_sequence_create(session, &sequence);
  if (status == SWALLOW_OK)
    status = swallow_prefill(session, sequence, &first, 1);
  for (i = 0; status == SWALLOW_OK && i < count; ++i) {
    const float *logits = NULL;
    swallow_row row;
    status = swallow_logits(session, 0, &logits);
    if (status == SWALLOW_OK)
      status = swallow_sample(sampler, logits, 10, &ids[i]);
    row.sequence = sequence;
    row.token = ids[i];
    row.wants_logits = true;
    if (status == SWALLOW_OK && i + 1 < count)
      status = swallow_step(session, &row, 1);
  }
  swallow_sampler_destroy(sampler);
  swallow_session_destroy(session);
  return status;
}
