"""DDS and IAM of Huawei Cloud, over httpx: the only package that knows either."""
