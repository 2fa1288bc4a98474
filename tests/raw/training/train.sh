#!/bin/bash
# 微调脚本
export NCCL_DEBUG=INFO
GPUS=${GPUS:-8}
LR=2e-5
BATCH=$((GPUS * 2))
ARGS=(
  --bf16 True   # Ampere
  --fp16 False
)
CUDA_VISIBLE_DEVICES=0,1 torchrun --nproc_per_node=$GPUS --master_port $(shuf -i 20000-29999 -n 1) \
    src/train_dpo.py "${ARGS[@]}" \
    --model_name_or_path google/gemma-2-9b-it \
    --output_dir "out/$LR run" \
    --learning_rate $LR --max_grad_norm ${CLIP} \
    --per_device_train_batch_size $BATCH \
    --deepspeed ./zero2_auto.json 2>&1 | tee log.txt
