"""Which modules training imports: of each package its own `import`, and behind lazy ones what people ask for by name."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple


class Root(NamedTuple):
    """A module, what cannot be used where it does not import, and how bad that is."""

    module: str
    what: str
    severity: str


class Looked(NamedTuple):
    """A package that is looked at: the name it is imported by, and its roots, the ones that matter most first."""

    module: str
    roots: Tuple[Root, ...]


def _whole(module: str) -> Root:
    return Root(module, f"`import {module}`", "error")


def _trl(module: str, names: str) -> Root:
    return Root(f"trl.trainer.{module}", names, "warning")


PACKAGES: Dict[str, Looked] = {
    "transformers": Looked(
        "transformers",
        (
            _whole("transformers"),
            Root("transformers.modeling_utils", "every model (`PreTrainedModel`)", "error"),
            # A loop of one's own needs neither the Trainer nor, where diffusers is merely listed, a pipeline.
            Root("transformers.trainer", "`transformers.Trainer`", "warning"),
        ),
    ),
    "accelerate": Looked("accelerate", (_whole("accelerate"),)),
    "peft": Looked("peft", (_whole("peft"),)),
    "trl": Looked(
        "trl",
        (
            _whole("trl"),
            _trl("sft_trainer", "`trl.SFTTrainer`"),
            _trl("dpo_trainer", "`trl.DPOTrainer`"),
            _trl("grpo_trainer", "`trl.GRPOTrainer`"),
            _trl("reward_trainer", "`trl.RewardTrainer`"),
            _trl("ppo_trainer", "`trl.PPOTrainer`"),
            _trl("kto_trainer", "`trl.KTOTrainer`"),
        ),
    ),
    "deepspeed": Looked("deepspeed", (_whole("deepspeed"),)),
    "datasets": Looked("datasets", (_whole("datasets"),)),
    "diffusers": Looked(
        "diffusers",
        (
            _whole("diffusers"),
            Root("diffusers.models.modeling_utils", "every model (`diffusers.ModelMixin`)", "error"),
            Root("diffusers.pipelines.pipeline_utils", "every pipeline (`diffusers.DiffusionPipeline`)", "warning"),
        ),
    ),
    "sentence-transformers": Looked("sentence_transformers", (_whole("sentence_transformers"),)),
    "liger-kernel": Looked("liger_kernel", (Root("liger_kernel.transformers", "`liger_kernel.transformers`", "warning"),)),
    "autoawq": Looked("awq", (_whole("awq"),)),
    "llamafactory": Looked("llamafactory", (Root("llamafactory.train.tuner", "`llamafactory-cli train`", "error"),)),
    "torchao": Looked(
        "torchao", (_whole("torchao"), Root("torchao.quantization", "`torchao.quantization`", "error"), Root("torchao.float8", "`torchao.float8`", "warning"))
    ),
    "torch": Looked("torch", ()),
    "huggingface-hub": Looked("huggingface_hub", ()),
    "tokenizers": Looked("tokenizers", ()),
    "safetensors": Looked("safetensors", ()),
}
"""By distribution; one without roots only gives names to others."""


def _each(severity: str, **modules: str) -> Tuple[Root, ...]:
    return tuple(Root(module.replace("__", "."), what, severity) for module, what in modules.items())


FRAMEWORKS: Dict[str, Looked] = {
    "tensordict": Looked("tensordict", (_whole("tensordict"),)),
    "torchrl": Looked("torchrl", (_whole("torchrl"), *_each("error", torchrl__envs="`torchrl.envs`", torchrl__collectors="`torchrl.collectors`"))),
    "rl4co": Looked("rl4co", _each("error", rl4co__envs="`rl4co.envs`")),
    "unsloth": Looked("unsloth", (_whole("unsloth"),)),
    "unsloth-zoo": Looked("unsloth_zoo", (_whole("unsloth_zoo"), *_each("error", unsloth_zoo__patching_utils="`import unsloth`"))),
    "verl": Looked(
        "verl",
        (_whole("verl"), *_each("error", verl__trainer__main_ppo="`verl.trainer.main_ppo`"), *_each("warning", verl__workers__fsdp_workers="the FSDP workers")),
    ),
    "ms-swift": Looked(
        "swift",
        (
            _whole("swift"),
            *_each("error", swift__cli__sft="`swift sft`", swift__llm__train__sft="`swift sft`", swift__pipelines__train__sft="`swift sft`"),
            *_each("warning", swift__trainers="`swift.trainers`", swift__trainers__rlhf_trainer__grpo_trainer="GRPO"),
        ),
    ),
    "axolotl": Looked("axolotl", _each("error", axolotl__cli__train="`axolotl train`", axolotl__train="`axolotl train`")),
    "pytorch-lightning": Looked("pytorch_lightning", (_whole("pytorch_lightning"),)),
    "lightning": Looked("lightning", (_whole("lightning"), *_each("error", lightning__pytorch="`lightning.pytorch`"))),
    "torchmetrics": Looked("torchmetrics", (_whole("torchmetrics"),)),
    "torchtune": Looked("torchtune", (_whole("torchtune"), *_each("error", torchtune__training="every recipe (`torchtune.training`)"))),
    "setfit": Looked("setfit", (_whole("setfit"),)),
    "flair": Looked("flair", (_whole("flair"),)),
    "adapters": Looked("adapters", (_whole("adapters"),)),
    "litgpt": Looked("litgpt", (_whole("litgpt"), *_each("error", litgpt__finetune__lora="`litgpt finetune`", litgpt__pretrain="`litgpt pretrain`"))),
    "flagembedding": Looked("FlagEmbedding", (_whole("FlagEmbedding"),)),
    "colpali-engine": Looked("colpali_engine", (_whole("colpali_engine"), *_each("warning", colpali_engine__trainer="`colpali_engine.trainer`"))),
    "fschat": Looked("fastchat", (*_each("error", fastchat__train__train="`fastchat.train.train`"), *_each("warning", fastchat__model="`fastchat.model`"))),
    "openrlhf": Looked(
        "openrlhf", _each("error", openrlhf__cli__train_sft="`openrlhf.cli.train_sft`", openrlhf__cli__train_ppo_ray="`openrlhf.cli.train_ppo_ray`")
    ),
    "llmcompressor": Looked(
        "llmcompressor", (_whole("llmcompressor"), *_each("error", llmcompressor__entrypoints__oneshot="`oneshot`", llmcompressor__transformers="`oneshot`"))
    ),
    "compressed-tensors": Looked("compressed_tensors", (_whole("compressed_tensors"), *_each("error", compressed_tensors__quantization="quantized models"))),
    "mergekit": Looked("mergekit", _each("error", mergekit__merge="`mergekit-yaml`", mergekit__scripts__run_yaml="`mergekit-yaml`")),
    "lm-eval": Looked("lm_eval", (_whole("lm_eval"), *_each("error", lm_eval__models__huggingface="`--model hf`"))),
    "simpletransformers": Looked(
        "simpletransformers",
        (*_each("error", simpletransformers__classification="classification models"), *_each("warning", simpletransformers__ner="NER models")),
    ),
    "megatron-core": Looked("megatron", _each("error", megatron__core="`import megatron.core`", megatron__core__transformer="`megatron.core.transformer`")),
    "xtuner": Looked("xtuner", _each("error", xtuner__tools__train="`xtuner train`", xtuner__engine="`xtuner train`", xtuner__model="`xtuner train`")),
    "auto-gptq": Looked("auto_gptq", (_whole("auto_gptq"),)),
}
"""Those that are looked up in the table alone: importing them starts too much, and some refuse a machine without a GPU."""


def _library(*modules: str) -> Looked:
    """One that is used beside the frameworks; many an environment has one that its run never imports, hence warnings."""
    return Looked(modules[0].partition(".")[0], tuple(Root(one, f"`import {one}`", "warning") for one in modules))


LIBRARIES: Dict[str, Looked] = {
    name: _library(*modules.split())
    for name, modules in {
        "agentlightning": "agentlightning agentlightning.verl.entrypoint",
        "albumentations": "albumentations",
        "allennlp": "allennlp allennlp.training allennlp.models allennlp.modules.token_embedders",
        "anndata": "anndata",
        "anomalib": "anomalib anomalib.models",
        "asteroid": "asteroid asteroid.models",
        "audiolm-pytorch": "audiolm_pytorch",
        "audiomentations": "audiomentations",
        "auto-round": "auto_round",
        "autotrain-advanced": "autotrain autotrain.cli.autotrain autotrain.trainers.clm.__main__",
        "be-great": "be_great",
        "beir": "beir.retrieval.train",
        "bert-score": "bert_score",
        "bertopic": "bertopic",
        "boltz": "boltz.main",
        "botorch": "botorch",
        "captum": "captum.attr",
        "cellpose": "cellpose.models",
        "chatterbox-tts": "chatterbox.tts",
        "chemprop": "chemprop chemprop.train",
        "chronos-forecasting": "chronos",
        "clean-fid": "cleanfid.fid",
        "clip-anytorch": "clip",
        "colbert-ai": "colbert",
        "compel": "compel",
        "controlnet-aux": "controlnet_aux",
        "coqui-tts": "TTS.api TTS.tts.models.xtts TTS.tts.models.vits",
        "d3rlpy": "d3rlpy",
        "dalle2-pytorch": "dalle2_pytorch",
        "darts": "darts darts.models",
        "deepchem": "deepchem",
        "deeplabcut": "deeplabcut",
        "descript-audiotools": "audiotools",
        "dgl": "dgl",
        "distilabel": "distilabel distilabel.pipeline",
        "donut-python": "donut",
        "easyocr": "easyocr",
        "effdet": "effdet",
        "enformer-pytorch": "enformer_pytorch",
        "esm": "esm.models.esm3 esm.models.esmc",
        "espnet": "espnet2.tasks.asr espnet2.bin.asr_train",
        "evaluate": "evaluate",
        "f5-tts": "f5_tts.model f5_tts.api",
        "farm-haystack": "haystack.nodes",
        "fastai": "fastai.vision.all fastai.text.all",
        "faster-whisper": "faster_whisper",
        "fastervit": "fastervit",
        "fms-hf-tuning": "tuning.sft_trainer",
        "funasr": "funasr funasr.auto.auto_model",
        "gliner": "gliner",
        "gluonts": "gluonts gluonts.torch",
        "gpytorch": "gpytorch",
        "granite-tsfm": "tsfm_public",
        "happytransformer": "happytransformer",
        "hcpdiff": "hcpdiff.train_ac",
        "hpsv2": "hpsv2",
        "hqq": "hqq.core.quantize hqq.models.hf.base",
        "hydra-core": "hydra",
        "image-reward": "ImageReward",
        "imgaug": "imgaug",
        "imitation": "imitation.algorithms.bc",
        "inseq": "inseq",
        "instructlab": "instructlab.train.linux_train",
        "instructlab-training": "instructlab.training instructlab.training.main_ds",
        "k-diffusion": "k_diffusion",
        "keybert": "keybert",
        "kornia": "kornia",
        "laion-clap": "laion_clap",
        "lerobot": "lerobot.scripts.train lerobot.scripts.lerobot_train",
        "lhotse": "lhotse",
        "lighteval": "lighteval.models.transformers.transformers_model",
        "lightly": "lightly lightly.transforms lightly.models",
        "lightning-bolts": "pl_bolts",
        "lightning-flash": "flash.image flash.text",
        "litdata": "litdata",
        "llama-recipes": "llama_recipes.finetuning",
        "llm-blender": "llm_blender",
        "llm-foundry": "llmfoundry",
        "llm2vec": "llm2vec",
        "lm-polygraph": "lm_polygraph",
        "ludwig": "ludwig.api",
        "lycoris-lora": "lycoris lycoris.kohya",
        "mace-torch": "mace.cli.run_train mace.calculators",
        "mambavision": "mambavision",
        "matgl": "matgl matgl.models matgl.utils.training",
        "minari": "minari",
        "minicons": "minicons.scorer",
        "mlagents": "mlagents.trainers.learn",
        "mmdet": "mmdet mmdet.apis mmdet.models",
        "mmengine": "mmengine mmengine.runner",
        "mmpose": "mmpose mmpose.apis mmpose.models",
        "mmpretrain": "mmpretrain mmpretrain.models",
        "mmsegmentation": "mmseg mmseg.apis mmseg.models",
        "model2vec": "model2vec model2vec.train",
        "modelscope": "modelscope modelscope.hub.snapshot_download",
        "monai": "monai monai.transforms monai.networks.nets",
        "mosaicml": "composer",
        "moshi": "moshi.models",
        "mteb": "mteb",
        "multimolecule": "multimolecule",
        "nemo-toolkit": "nemo.core nemo.collections.asr nemo.collections.tts",
        "nequip": "nequip.scripts.train nequip.nn",
        "neural-compressor": "neural_compressor",
        "neuralforecast": "neuralforecast neuralforecast.core",
        "nnsight": "nnsight",
        "opacus": "opacus",
        "open-clip-torch": "open_clip open_clip_train.main training.main",
        "opendelta": "opendelta",
        "openprompt": "openprompt",
        "oumi": "oumi oumi.train oumi.core.trainers",
        "paddleocr": "paddleocr",
        "petals": "petals",
        "pettingzoo": "pettingzoo",
        "pyannote-audio": "pyannote.audio pyannote.audio.pipelines",
        "pylate": "pylate pylate.models pylate.losses",
        "pyreft": "pyreft",
        "pythainlp": "pythainlp",
        "python-doctr": "doctr.models",
        "pytorch-forecasting": "pytorch_forecasting",
        "pytorch-ignite": "ignite.engine ignite.metrics ignite.distributed",
        "pytorch-metric-learning": "pytorch_metric_learning.losses",
        "pytorch-tabnet": "pytorch_tabnet.tab_model",
        "pytorch-tabular": "pytorch_tabular",
        "pyvene": "pyvene",
        "ragatouille": "ragatouille",
        "relik": "relik",
        "rfdetr": "rfdetr",
        "rsl-rl-lib": "rsl_rl.runners",
        "s3prl": "s3prl s3prl.hub",
        "sacrebleu": "sacrebleu",
        "sae-lens": "sae_lens",
        "safe-mol": "safe",
        "salesforce-lavis": "lavis.models lavis.tasks",
        "sb3-contrib": "sb3_contrib",
        "scanpy": "scanpy",
        "schnetpack": "schnetpack schnetpack.cli",
        "scvi-tools": "scvi",
        "segmentation-models-pytorch": "segmentation_models_pytorch",
        "shimmy": "shimmy",
        "skorch": "skorch",
        "skrl": "skrl skrl.agents.torch.ppo skrl.trainers.torch",
        "small-text": "small_text",
        "spacy-transformers": "spacy_transformers",
        "span-marker": "span_marker",
        "sparseml": "sparseml.transformers",
        "speechbrain": "speechbrain speechbrain.core speechbrain.inference speechbrain.pretrained",
        "stable-audio-tools": "stable_audio_tools stable_audio_tools.training",
        "stable-baselines3": "stable_baselines3",
        "stanza": "stanza",
        "super-gradients": "super_gradients super_gradients.training",
        "supervision": "supervision",
        "tabpfn": "tabpfn",
        "tensorboardx": "tensorboardX",
        "terratorch": "terratorch terratorch.tasks",
        "tevatron": "tevatron.driver.train",
        "textattack": "textattack",
        "tianshou": "tianshou tianshou.policy",
        "timm": "timm",
        "tner": "tner",
        "torch-audiomentations": "torch_audiomentations",
        "torch-fidelity": "torch_fidelity",
        "torch-geometric": "torch_geometric torch_geometric.nn",
        "torchdata": "torchdata.datapipes torchdata.stateful_dataloader",
        "torchgeo": "torchgeo.trainers torchgeo.datasets",
        "torchio": "torchio",
        "torchtitan": "torchtitan.train",
        "trankit": "trankit",
        "transformer-lens": "transformer_lens",
        "transformers-interpret": "transformers_interpret",
        "transformers-stream-generator": "transformers_stream_generator",
        "trlx": "trlx",
        "tsai": "tsai.all",
        "ultralytics": "ultralytics ultralytics.engine.trainer ultralytics.yolo.engine.trainer",
        "unbabel-comet": "comet",
        "uni2ts": "uni2ts.model.moirai",
        "verifiers": "verifiers",
        "vocos": "vocos",
        "whisperx": "whisperx whisperx.asr whisperx.transcribe",
        "x-transformers": "x_transformers",
        "yolov5": "yolov5 yolov5.train",
    }.items()
}
"""Of speech, vision, reinforcement learning, biology and the like; looked up in the table alone."""

ALSO = ("bitsandbytes", "xformers", "triton", "pyarrow", "pydantic")
"""Packages whose names are looked up on a live machine too; their wheels are too large, or too far from training, to be mined."""
