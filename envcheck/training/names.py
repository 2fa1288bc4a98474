"""Names by which a TrainingArguments file or a DeepSpeed config is recognised."""

from __future__ import annotations

# Typed from https://huggingface.co/docs/transformers/main_classes/trainer and its versions back to 4.28. Names that any
# config could have (`seed`, `debug`, `deepspeed`, `project`, `run_name`, `log_level`) are left out on purpose.
_TRAINING_ARGUMENTS = """
    output_dir overwrite_output_dir do_train do_eval do_predict eval_strategy evaluation_strategy prediction_loss_only
    per_device_train_batch_size per_device_eval_batch_size per_gpu_train_batch_size auto_find_batch_size
    gradient_accumulation_steps eval_accumulation_steps eval_delay torch_empty_cache_steps
    learning_rate weight_decay adam_beta1 adam_beta2 adam_epsilon max_grad_norm optim optim_args optim_target_modules
    num_train_epochs max_steps lr_scheduler_type lr_scheduler_kwargs warmup_ratio warmup_steps
    logging_dir logging_strategy logging_first_step logging_steps logging_nan_inf_filter
    save_strategy save_steps save_total_limit save_safetensors save_on_each_node save_only_model
    bf16 fp16 tf32 bf16_full_eval fp16_full_eval fp16_opt_level fp16_backend half_precision_backend no_cuda use_cpu
    eval_steps eval_on_start load_best_model_at_end metric_for_best_model greater_is_better ignore_data_skip
    dataloader_drop_last dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor
    remove_unused_columns label_names label_smoothing_factor report_to disable_tqdm resume_from_checkpoint
    fsdp fsdp_config fsdp_transformer_layer_cls_to_wrap accelerator_config parallelism_config
    group_by_length train_sampling_strategy length_column_name average_tokens_across_devices neftune_noise_alpha
    ddp_backend ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph ddp_timeout local_rank
    push_to_hub hub_model_id hub_strategy hub_private_repo
    gradient_checkpointing gradient_checkpointing_kwargs activation_checkpointing activation_checkpointing_kwargs
    torch_compile torch_compile_backend torch_compile_mode use_liger_kernel liger_kernel_config full_determinism data_seed
    include_num_input_tokens_seen include_tokens_per_second include_for_metrics batch_eval_metrics
"""
TRAINING_ARGUMENTS = frozenset(_TRAINING_ARGUMENTS.split())

_CHANGED = """
    accelerator_config adafactor batch_eval_metrics dataloader_persistent_workers dataloader_prefetch_factor dispatch_batches eval_on_start
    eval_strategy evaluation_strategy fp16_backend fp16_opt_level fsdp_min_num_params fsdp_transformer_layer_cls_to_wrap gradient_checkpointing_kwargs
    group_by_length half_precision_backend hub_revision include_for_metrics include_inputs_for_metrics include_num_input_tokens_seen
    include_tokens_per_second jit_mode_eval liger_kernel_config logging_dir lr_scheduler_kwargs mp_parameters neftune_noise_alpha no_cuda
    optim_target_modules overwrite_output_dir parallelism_config past_index per_gpu_eval_batch_size per_gpu_train_batch_size push_to_hub_model_id
    push_to_hub_organization push_to_hub_token ray_scope save_safetensors sharded_ddp split_batches torch_empty_cache_steps torchdynamo
    tpu_metrics_debug tpu_num_cores train_sampling_strategy use_cpu use_ipex use_legacy_prediction_loop use_liger_kernel use_mps_device warmup_ratio
    xpu_backend
"""
CHANGED_ARGUMENTS = frozenset(_CHANGED.split())
"""Those of TrainingArguments that came or went with a release: the names of `matrices/facts/arguments.yaml`."""

# Typed from https://huggingface.co/docs/trl (SFTConfig, DPOConfig, GRPOConfig, ModelConfig, ScriptArguments): their configs
# have defaults of their own for `bf16` and `gradient_checkpointing`.
_TRL_ALONE = """
    packing packing_strategy padding_free eval_packing dataset_text_field dataset_num_proc dataset_kwargs max_seq_length
    max_length max_prompt_length max_completion_length completion_only_loss assistant_only_loss chat_template_path
    activation_offloading model_init_kwargs use_peft lora_target_modules num_generations beta loss_type
    precompute_ref_log_probs use_liger_loss dataset_train_split dataset_test_split
"""
TRL_ALONE = frozenset(_TRL_ALONE.split())

# Typed from https://www.deepspeed.ai/docs/config-json/ and deepspeed/runtime/constants.py.
_DEEPSPEED = """
    train_batch_size train_micro_batch_size_per_gpu gradient_accumulation_steps optimizer scheduler
    communication_data_type seq_parallel_communication_data_type prescale_gradients gradient_predivide_factor sparse_gradients
    fp16 bf16 bfloat16 amp data_types torch_autocast gradient_clipping
    zero_optimization zero_allow_untested_optimizer zero_force_ds_cpu_optimizer zenflow superoffload
    steps_per_print wall_clock_breakdown memory_breakdown dump_state flops_profiler comms_logger
    activation_checkpointing aio tensorboard wandb csv_monitor comet monitor_config autotuning elasticity
    data_efficiency curriculum_learning compression_training sparse_attention checkpoint hybrid_engine
    tensor_parallel sequence_parallel_size pipeline compile nebula disable_allgather eigenvalue progressive_layer_drop
    use_data_before_expert_parallelism dataloader_drop_last
"""
DEEPSPEED = frozenset(_DEEPSPEED.split())
"""Top-level keys of a DeepSpeed config."""
